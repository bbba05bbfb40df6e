/** What hosts and the world say to each other over loopback: JSON, a line each. */
import type { ContainerRuntime } from '../../packages/core/src/ports/container-runtime.js';
import type { HealthProbe } from '../../packages/core/src/ports/health-probe.js';
import type { ProxyManager } from '../../packages/core/src/ports/proxy-manager.js';

export type PortName = 'runtime' | 'proxy' | 'probe';

export type ToWorld =
  | { readonly hello: string }
  | {
      readonly call: number;
      readonly port: PortName;
      readonly method: string;
      /** The last one is the options, without their signal. */
      readonly given: readonly unknown[];
    }
  | { readonly abort: number };

export type FromWorld =
  | { readonly welcome: Facts }
  | { readonly answer: number; readonly value?: unknown }
  | { readonly answer: number; readonly error: object };

/** What a port says of itself without being asked. */
export interface Facts {
  readonly runtime: Pick<ContainerRuntime, 'name'>;
  readonly proxy: Pick<ProxyManager, 'name' | 'capabilities' | 'writes'>;
  readonly probe: Pick<HealthProbe, 'name' | 'reaches'>;
}

/** Calls back for each whole line. */
export function onLines(stream: NodeJS.ReadableStream, tell: (line: string) => void): void {
  let partial = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) tell(line);
  });
}
