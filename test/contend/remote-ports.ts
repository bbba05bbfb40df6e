/** A runtime, a proxy and a probe whose world is another process. */
import { connect } from 'node:net';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { CallOptions } from '../../packages/core/src/ports/call.js';
import type { ContainerRuntime } from '../../packages/core/src/ports/container-runtime.js';
import type { HealthProbe } from '../../packages/core/src/ports/health-probe.js';
import type { ProxyManager } from '../../packages/core/src/ports/proxy-manager.js';
import { type Facts, type FromWorld, onLines, type PortName, type ToWorld } from './wire.js';

export interface RemotePorts {
  readonly runtime: ContainerRuntime;
  readonly proxy: ProxyManager;
  readonly probe: HealthProbe;
  close(): void;
}

const RUNTIME = ['describe', 'resolve', 'image', 'pull', 'removeImage', 'ensureNetwork', 'removeNetwork', 'create'];
const RUNTIME_TOO = ['start', 'stop', 'remove', 'inspect', 'list'];
const PROXY = ['describe', 'put', 'remove', 'get', 'list', 'prove', 'inFlight'];

/** @param name who is calling: the world tells the hosts apart by it */
export async function remotePorts(port: number, name: string): Promise<RemotePorts> {
  const socket = connect(port, '127.0.0.1');
  const waiting = new Map<number, (answer: Result<unknown, object>) => void>();
  const send = (message: ToWorld) => socket.write(`${JSON.stringify(message)}\n`);
  let calls = 0;
  const facts = await new Promise<Facts>((resolve, reject) => {
    socket.once('error', reject);
    onLines(socket, (line) => {
      const message = JSON.parse(line) as FromWorld;
      if ('welcome' in message) return resolve(message.welcome);
      const settle = waiting.get(message.answer);
      waiting.delete(message.answer);
      settle?.('error' in message ? err(message.error) : ok(message.value));
    });
    send({ hello: name });
  });
  const method =
    (to: PortName, method: string) =>
    (...given: unknown[]): ResultAsync<unknown, object> => {
      const { signal, ...options } = given.at(-1) as CallOptions & object;
      calls += 1;
      const call = calls;
      const answer = new Promise<Result<unknown, object>>((resolve) => waiting.set(call, resolve));
      send({ call, port: to, method, given: [...given.slice(0, -1), options] });
      const abort = () => send({ abort: call });
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
      return new ResultAsync(answer.finally(() => signal.removeEventListener('abort', abort)));
    };
  const methods = (to: PortName, names: readonly string[]) =>
    Object.fromEntries(names.map((each) => [each, method(to, each)]));
  return {
    // What is not here (following logs, events) nobody needs to change a stage.
    runtime: {
      ...facts.runtime,
      ...methods('runtime', [...RUNTIME, ...RUNTIME_TOO]),
      async *logs() {},
    } as unknown as ContainerRuntime,
    proxy: { ...facts.proxy, ...methods('proxy', PROXY) } as unknown as ProxyManager,
    probe: { ...facts.probe, ...methods('probe', ['check']) } as unknown as HealthProbe,
    close: () => socket.end(),
  };
}
