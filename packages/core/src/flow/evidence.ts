/** What is known about a container that is not healthy: gathered for the error, the history and the reader at three at night. */

import { ok } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import {
  type Attempt,
  evidenceJson,
  type HealthCheck,
  type HealthEvidence,
  type HealthReason,
  healthHint,
} from '../domain/health.js';
import { sleep } from '../kernel/scope.js';
import type { Container } from '../ports/container-runtime.js';
import type { Flow } from './flow.js';
import { inspectTarget } from './target.js';

/** Lines of the container's own output that go into the error. */
const LAST_LINES = 20;
/** How long they may take to come. */
const LINES_MS = 3_000;
/** How long the next end of one that was started again is waited for, and how often it is looked. */
const AGAIN_MS = 1_500;
const AGAIN_POLL_MS = 25;

export interface Observed {
  readonly url?: string | undefined;
  readonly attempts: number;
  readonly polls: number;
  readonly waitedMs: number;
  readonly last?: Attempt | undefined;
  readonly container: Container | undefined;
}

/** Why a container that was seen so cannot become healthy any more, or undefined while it can. */
export function endOf(container: Container | undefined, restartsBefore: number): HealthReason | undefined {
  if (!container) return 'exited';
  if (container.restarts > restartsBefore || container.state === 'restarting')
    return container.oomKilled ? 'oom-killed' : 'crash-loop';
  if (container.state === 'exited' || container.state === 'dead') return container.oomKilled ? 'oom-killed' : 'exited';
  return undefined;
}

/** The verdict, with everything that is known. */
export async function unhealthy(
  flow: Flow,
  check: HealthCheck,
  reason: HealthReason,
  observed: Observed,
  signal: AbortSignal,
): Promise<AnyError> {
  const container = await endedAgain(flow, reason, observed.container, signal);
  const evidence: HealthEvidence = {
    reason,
    ...(observed.url === undefined ? {} : { url: observed.url }),
    attempts: observed.attempts,
    polls: observed.polls,
    waitedMs: Math.round(observed.waitedMs),
    ...(observed.last === undefined ? {} : { last: observed.last }),
    ...(container === undefined
      ? {}
      : {
          container: {
            state: container.state,
            ...(container.exitCode === null ? {} : { exitCode: container.exitCode }),
            oomKilled: container.oomKilled,
            restarts: container.restarts,
            ...(container.health === null
              ? {}
              : {
                  health: flow.ledger.redactor
                    .text(`${container.health.status}: ${container.health.lastOutput}`)
                    .slice(0, 1_000),
                }),
          },
        }),
    lastLines: await lastLines(flow, signal),
  };
  const { redactor } = flow.ledger;
  return failure(
    'unhealthy',
    redactor.text(`${flow.target.name} is not healthy: ${sentence(reason, evidence)}`),
    redactor.text(healthHint(reason, check, evidence)),
    { code: reason, details: redactor.json(evidenceJson(evidence)) },
  );
}

/** One that runs again has no exit code to tell: for a moment it is waited for its next end, which tells it. */
async function endedAgain(
  flow: Flow,
  reason: HealthReason,
  container: Container | undefined,
  signal: AbortSignal,
): Promise<Container | undefined> {
  if (reason !== 'crash-loop' || container?.state !== 'running' || container.exitCode !== null) return container;
  const { clock } = flow.host;
  const untilMs = clock.monotonicMs() + AGAIN_MS;
  while (clock.monotonicMs() < untilMs && !signal.aborted) {
    await sleep(clock, AGAIN_POLL_MS, signal);
    const looked = await inspectTarget(flow, signal);
    const now = looked.unwrapOr(undefined);
    if (now && now.state !== 'running' && now.exitCode !== null) return now;
  }
  return container;
}

function sentence(reason: HealthReason, evidence: HealthEvidence): string {
  const { container, last, url } = evidence;
  const tries = `after ${evidence.attempts} counted attempts in ${(evidence.waitedMs / 1000).toFixed(1)} s`;
  const code = container?.exitCode === undefined ? '' : ` with exit code ${container.exitCode}`;
  switch (reason) {
    case 'exited':
      return container ? `its process ended${code}.` : 'the container is gone.';
    case 'crash-loop':
      return `its process ended${code} and was started again.`;
    case 'oom-killed':
      return `the kernel killed it for want of memory${code}.`;
    case 'no-healthcheck':
      return 'its image has no HEALTHCHECK.';
    case 'unhealthy':
      return `the image's own health check says ${container?.health ?? 'unhealthy'}.`;
    default: {
      if (last?.error !== undefined) return `${url ?? 'it'}: ${withoutAddress(last.error, url)}, ${tries}.`;
      return `${url ?? 'it'} gave ${last?.status === undefined ? 'no answer' : `status ${last.status}`} ${tries}.`;
    }
  }
}

/** A probe's own words name the address as well (`GET http://…: refused.`), and end as a sentence does. */
function withoutAddress(error: string, url: string | null | undefined): string {
  const at = url ? error.indexOf(`${url}: `) : -1;
  return (at < 0 || !url ? error : error.slice(at + url.length + 2)).replace(/\.$/, '');
}

async function lastLines(flow: Flow, signal: AbortSignal): Promise<string[]> {
  const lines: string[] = [];
  await flow.call(
    'Reading the last lines',
    signal,
    async (options) => {
      for await (const line of flow.host.runtime.logs(flow.target.name, { ...options, tail: LAST_LINES }))
        lines.push(flow.ledger.redactor.text(line.text).slice(0, 1_000));
      return ok(undefined);
    },
    { ms: LINES_MS },
  );
  return lines.slice(-LAST_LINES);
}
