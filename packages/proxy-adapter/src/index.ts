export { type EmbeddedProxy, embeddedProxy } from './embedded-proxy.js';
export type { EmbeddedProxyOptions, Problem } from './options.js';
export type { Listening, ListenOptions } from './server.js';
export type { CertificatePair, TlsOptions } from './tls/options.js';
