/**
 * The world that several hosts share: an engine, a proxy and a probe in memory, served over loopback, so that real processes can
 * contend for it by the thousand calls. It stands outside of all of them, lets every change take its time, and writes down when it
 * began and when it had landed, and for whom. What a dead host had sent still lands.
 */
import { createServer, type Socket } from 'node:net';
import { err, type Result, type ResultAsync } from 'neverthrow';
import { aborted } from '../../packages/core/src/domain/errors.js';
import { systemClock } from '../../packages/core/src/system.js';
import {
  type MemoryEngine,
  type MemoryProxy,
  memoryEngine,
  memoryProbe,
  memoryProxy,
  memoryRuntime,
} from '../../packages/core/src/testing/index.js';
import { type Facts, type FromWorld, onLines, type ToWorld } from './wire.js';

/** One change at the engine or the proxy. */
export interface Effect {
  readonly host: string;
  readonly method: string;
  /** Null where the call does not say. */
  readonly stage: string | null;
  /** Whose container it is. */
  readonly deployment: string | null;
  readonly domain: string | null;
  /** Wall clock, milliseconds. */
  readonly sentAt: number;
  landedAt: number | null;
}

export interface World extends AsyncDisposable {
  readonly port: number;
  readonly engine: MemoryEngine;
  readonly proxy: MemoryProxy;
  readonly effects: readonly Effect[];
}

const CHANGING = new Set(['create', 'start', 'connect', 'stop', 'put', 'remove', 'ensureNetwork', 'removeNetwork']);

/** @param random of the pauses, from 0 to 1 */
export async function openWorld(random: () => number): Promise<World> {
  const engine = memoryEngine(systemClock());
  const proxy = memoryProxy(engine);
  const ports = { runtime: memoryRuntime(engine), proxy, probe: memoryProbe(engine) };
  const facts: Facts = {
    runtime: { name: ports.runtime.name },
    proxy: { name: proxy.name, capabilities: proxy.capabilities, writes: proxy.writes },
    probe: { name: ports.probe.name, reaches: ports.probe.reaches },
  };
  const effects: Effect[] = [];
  const sockets = new Set<Socket>();

  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A host that was killed: nobody reads the answer any more.
    socket.on('error', () => {});
    const waiting = new Map<number, AbortController>();
    let host = '';
    const send = (message: FromWorld) => socket.write(`${JSON.stringify(message)}\n`);
    const settle = (call: number, answer: Result<unknown, object>) => {
      // The first answer counts: whoever has broken a call off is not told what became of it.
      if (!waiting.delete(call)) return;
      if (answer.isOk()) send({ answer: call, value: answer.value });
      else send({ answer: call, error: { ...answer.error, cause: undefined } });
    };
    onLines(socket, (line) => {
      const message = JSON.parse(line) as ToWorld;
      if ('hello' in message) {
        host = message.hello;
        send({ welcome: facts });
      } else if ('abort' in message) {
        waiting.get(message.abort)?.abort();
        settle(message.abort, err(aborted('The call')));
      } else {
        const aborting = new AbortController();
        waiting.set(message.call, aborting);
        void act(host, message, aborting.signal).then((answer) => settle(message.call, answer));
      }
    });
  };

  const act = async (
    host: string,
    { port, method, given }: Extract<ToWorld, { call: number }>,
    signal: AbortSignal,
  ): Promise<Result<unknown, object>> => {
    const target = ports[port] as unknown as Record<string, (...given: unknown[]) => ResultAsync<unknown, object>>;
    const work = async (own: AbortSignal) =>
      target[method]?.(...given.slice(0, -1), { ...(given.at(-1) as object), signal: own }) ??
      err(new TypeError(`No such call: ${port}.${method}`));
    if (!CHANGING.has(method)) return work(signal);
    const effect: Effect = { ...about(given[0], engine), host, method, sentAt: Date.now(), landedAt: null };
    effects.push(effect);
    // Now and then one takes long, perhaps longer than its host lives. It lands all the same, also where it was broken off.
    await pause(random() < 0.02 ? SLOW_MS : 1 + random() * 14);
    const landed = await work(new AbortController().signal);
    effect.landedAt = Date.now();
    await pause(random() * 4);
    return landed;
  };

  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    engine,
    proxy,
    effects,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const SLOW_MS = 400;
const DOMAIN = /^stage-([a-z0-9]+)-/;

function about(what: unknown, engine: MemoryEngine) {
  if (typeof what !== 'object') return { stage: null, deployment: null, domain: null };
  const { stage, name, owner, domain } = what as {
    readonly stage?: string;
    readonly name?: string;
    readonly owner?: { readonly deployment?: string };
    readonly domain?: string;
  };
  const known = name === undefined ? undefined : engine.containers.get(name)?.spec.stage;
  return {
    stage: stage ?? known ?? (domain === undefined ? null : (DOMAIN.exec(domain)?.[1] ?? null)),
    deployment: owner?.deployment ?? null,
    domain: domain ?? null,
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
