/** What the engine is: asked for by `describe`, remembered for what every container's endpoints need of it. */
import { hostname } from 'node:os';
import type { CallOptions, EndpointKind, RuntimeDescription, RuntimeError } from '@quayside/core/ports';
import { err, ok, type ResultAsync } from 'neverthrow';
import type { EngineAddress } from './address.js';
import { BUILT_IN_NETWORKS } from './create-body.js';
import { attempt, type Engine } from './engine.js';
import { refused } from './faults.js';

/** The part of `GET /info` that is read here. */
export interface EngineInfo {
  readonly ID?: string;
  readonly Name?: string;
  readonly OSType?: string;
  readonly OperatingSystem?: string;
  readonly LoggingDriver?: string;
  readonly SecurityOptions?: readonly string[] | null;
}

export interface Facts {
  readonly description: RuntimeDescription;
  readonly node: string;
  readonly logDriver: string;
  readonly publishedHost: string;
}

export interface About {
  /** Asks the engine. */
  ask(options: CallOptions): ResultAsync<Facts, RuntimeError>;
  /** What was answered last; asks only where nothing was. */
  known(options: CallOptions): ResultAsync<Facts, RuntimeError>;
}

export interface AboutOptions {
  readonly network: string;
  readonly bind: string;
  readonly node?: string | undefined;
}

export function aboutOf(engine: Engine, options: AboutOptions): About {
  let facts: Facts | undefined;
  const ask: About['ask'] = (callOptions) =>
    attempt(async () => {
      const call = { what: 'Describing the engine', method: 'GET', path: '/info' } as const;
      const answer = await engine.send<EngineInfo>(call, callOptions);
      if (answer.isErr()) return err(answer.error);
      if (!answer.value.ok) return err(refused(answer.value));
      facts = factsOf(answer.value.body, options, {
        address: engine.address(),
        platform: process.platform,
        hostname: hostname(),
      });
      return ok(facts);
    });
  return { ask, known: (callOptions) => attempt(async () => (facts ? ok(facts) : await ask(callOptions))) };
}

/**
 * Which ways lead to a container. Its own address is one wherever the engine runs containers on its node's network: not in a
 * desktop's virtual machine, and not where a rootless engine keeps them in a network of its own.
 */
export function factsOf(
  info: EngineInfo,
  { network, bind, node }: AboutOptions,
  here: { readonly address: EngineAddress | null; readonly platform: string; readonly hostname: string },
): Facts {
  const isLocal = here.address?.kind === 'socket';
  const isDesktop = /docker desktop/i.test(info.OperatingSystem ?? '') || (isLocal && here.platform !== 'linux');
  const isRootless = (info.SecurityOptions ?? []).some((option) => /^name=rootless/.test(option));
  // A desktop's engine names its virtual machine, but publishes on ours.
  const ownNode = isDesktop && isLocal ? here.hostname : (info.Name ?? here.hostname);
  const named = node ?? ownNode;
  const offers: EndpointKind[] = [];
  if (!BUILT_IN_NETWORKS.has(network)) offers.push({ kind: 'name', network });
  if ((info.OSType ?? 'linux') === 'linux' && !isDesktop && !isRootless) offers.push({ kind: 'address', node: named });
  offers.push({ kind: 'published', node: named, bind });
  return {
    description: { identity: `docker:${info.ID || ownNode}`, offers },
    node: named,
    logDriver: info.LoggingDriver ?? '',
    publishedHost: here.address?.kind === 'tcp' || here.address?.kind === 'ssh' ? here.address.host : '127.0.0.1',
  };
}
