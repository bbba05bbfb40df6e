export type { Observable } from './observe.js';
export type { TelemetryOptions } from './options.js';
export { type Telemetry, telemetry } from './telemetry.js';
