/** Health checks: what is asked, and how an answer is judged. The asking itself is the probe's. */
import type { Json } from './json.js';

interface Timing {
  /** Attempts after the first counted one. */
  readonly retries: number;
  /** Between two counted attempts; the first one is due one interval after the start. */
  readonly intervalMs: number;
  /** Of one attempt. */
  readonly timeoutMs: number;
  /** Within it no failure counts. */
  readonly startPeriodMs: number;
  /** So many good answers in a row make it healthy. */
  readonly successThreshold: number;
}

export interface HttpCheck extends Timing {
  readonly kind: 'http';
  readonly method: 'GET' | 'HEAD' | 'POST' | 'OPTIONS';
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  /** Of a stored spec: headers that carry a login, sealed, or null where the host had no key. Absent: none. */
  readonly sealedHeaders?: { readonly [name: string]: string | null };
  /** Ranges of good status codes, both ends included. */
  readonly expectStatus: readonly (readonly [from: number, to: number])[];
  /** The body's start has to contain this text, or match this regular expression. */
  readonly expectBody: { readonly text: string } | { readonly pattern: string; readonly flags: string } | null;
  /** Where it is not the stage's own port. */
  readonly port: number;
}

export interface TcpCheck extends Timing {
  readonly kind: 'tcp';
  readonly port: number;
}

/** The image's own HEALTHCHECK, run by the engine. */
export interface ImageCheck extends Timing {
  readonly kind: 'image';
}

/** Healthy once it has run for `settleMs` without an exit or a restart. */
export interface RunningCheck {
  readonly kind: 'running';
  readonly settleMs: number;
}

/** Healthy once it has ended with exit code 0. */
export interface EndsCheck {
  readonly kind: 'ends';
}

export type HealthCheck = HttpCheck | TcpCheck | ImageCheck | RunningCheck | EndsCheck;

/** The engine's own default for the image's health check, whose timing it does not tell. */
const IMAGE_INTERVAL_MS = 30_000;

/** The most that a check can take by its own timing, in milliseconds; null: as long as the app takes to end. */
export function checkMs(check: HealthCheck): number | null {
  if (check.kind === 'ends') return null;
  if (check.kind === 'running') return check.settleMs;
  const { intervalMs, retries, startPeriodMs, successThreshold, timeoutMs } = check;
  if (check.kind === 'image') return startPeriodMs + (retries + 1) * Math.max(intervalMs, IMAGE_INTERVAL_MS);
  return Math.max(intervalMs, startPeriodMs) + (retries + 1 + successThreshold) * (intervalMs + timeoutMs);
}

/** What an attempt brought, for people and machines: in the error, the history and the log. */
export interface Attempt {
  /** From the beginning of the check, in milliseconds. */
  readonly atMs: number;
  readonly url?: string;
  readonly status?: number;
  /** The first 200 characters. */
  readonly body?: string;
  /** Where a redirect wanted to go. */
  readonly location?: string;
  /** A socket's or a resolver's error. */
  readonly error?: string;
}

/** The kinds of failure that a hint is given for. */
export type HealthReason =
  | 'refused'
  | 'redirect'
  | 'not-found'
  | 'status'
  | 'body'
  | 'timeout'
  | 'dns'
  | 'reset'
  | 'unhealthy'
  | 'exited'
  | 'crash-loop'
  | 'oom-killed'
  | 'no-healthcheck'
  | 'unreachable';

/** All that is known about why an instance is not healthy. */
export interface HealthEvidence {
  readonly reason: HealthReason;
  readonly url?: string;
  /** Counted attempts; polls that did not count are `polls`. */
  readonly attempts: number;
  readonly polls: number;
  readonly waitedMs: number;
  readonly last?: Attempt;
  readonly container?: {
    readonly state: string;
    readonly exitCode?: number;
    readonly oomKilled: boolean;
    readonly restarts: number;
    readonly health?: string;
  };
  /** The container's last lines, oldest first. */
  readonly lastLines: readonly string[];
}

/** What one attempt means: good, or bad for a reason. */
export type Judgement = { readonly good: true } | { readonly good: false; readonly reason: HealthReason };

/** Judges an HTTP answer. Redirects are not followed: a health path that redirects is a finding, not a detour. */
export function judgeHttp(check: HttpCheck, answer: { readonly status: number; readonly body: string }): Judgement {
  const { status } = answer;
  if (!check.expectStatus.some(([from, to]) => status >= from && status <= to)) {
    if (status >= 300 && status < 400) return { good: false, reason: 'redirect' };
    return { good: false, reason: status === 404 ? 'not-found' : 'status' };
  }
  const wanted = check.expectBody;
  if (wanted === null) return { good: true };
  const found =
    'text' in wanted ? answer.body.includes(wanted.text) : new RegExp(wanted.pattern, wanted.flags).test(answer.body);
  return found ? { good: true } : { good: false, reason: 'body' };
}

/** What the reader can do, per reason. */
export function healthHint(reason: HealthReason, check: HealthCheck, evidence: Omit<HealthEvidence, 'reason'>): string {
  const port = 'port' in check ? check.port : undefined;
  const path = check.kind === 'http' ? check.path : '';
  switch (reason) {
    case 'refused':
      return (
        `Check that the app listens on port ${port} and on 0.0.0.0, not on 127.0.0.1 inside its container: ` +
        'there nobody else can reach it. A slow starter wants a longer `startPeriod`.'
      );
    case 'redirect':
      return `Choose a health path that does not redirect: ${path} leads to ${evidence.last?.location ?? 'elsewhere'}. Or add 3xx to \`expectStatus\`.`;
    case 'not-found':
      return `Set \`healthcheckPath\` to a path that the app serves: it answers 404 to ${path}.`;
    case 'status':
      return `See in the app's last lines why it answers ${evidence.last?.status ?? 'so'} to ${path}. A slow starter wants a longer \`startPeriod\`.`;
    case 'body':
      return 'Compare `expectBody` with the start of the body in the evidence.';
    case 'timeout':
      return 'See what the app waits for. A slow starter wants a longer `startPeriod`, a slow answer a longer `timeout`.';
    case 'dns':
      return "Check that the container's name resolves on the probe's network.";
    case 'reset':
      return 'Check that the app speaks plain HTTP on that port: it closed the connection.';
    case 'unhealthy':
      return "Run the image's HEALTHCHECK by hand; its last output is in the evidence.";
    case 'exited':
      // An init process starts whatever it is told to; the shell's own codes tell what became of it.
      if (evidence.container?.exitCode === 127) return 'Check the command of the image or the stage: it was not found.';
      return "Read the container's last lines: its process ended by itself.";
    case 'crash-loop':
      return "Read the container's last lines: it ends again after each start.";
    case 'oom-killed':
      return 'Raise the memory limit of the stage, or let the app use less.';
    case 'no-healthcheck':
      return 'Add a HEALTHCHECK to the image, or choose another kind of check.';
    case 'unreachable':
      return 'Check that the probe can reach the container: see its `reaches`.';
    default:
      return reason satisfies never;
  }
}

/** Evidence as the plain data that an error's `details` and the history hold. */
export const evidenceJson = (evidence: HealthEvidence): Json => JSON.parse(JSON.stringify(evidence)) as Json;
