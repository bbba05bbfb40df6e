/** What `serve` was asked for: addresses, certificates, and how many processes. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import { type Arguments, flagValue, has } from '../arguments/grammar.js';
import { type UsageError, usage } from '../arguments/parse.js';
import { integerFlag } from '../arguments/values.js';

export const HOST = '0.0.0.0';
export const PORT = 80;
export const TLS_PORT = 443;
const WORKERS_MAX = 128;

export interface ServePlan {
  readonly host: string;
  readonly port: number;
  /** Where deploying processes reach it; of several workers, the first one: each has the next port. */
  readonly frontDoor: string | undefined;
  readonly tlsPort: number;
  /** Absolute paths; undefined: the configuration's, if it has some. */
  readonly certificate: { readonly cert: string; readonly key: string } | undefined;
  readonly hasTls: boolean;
  readonly redirects: boolean;
  readonly workers: number;
}

const PORTS = { from: 0, to: 65_535 };

/** @param cwd what relative paths on the command line count from */
export function servePlan(given: Arguments, cwd: string): Result<ServePlan, UsageError> {
  const port = integerFlag(given, 'port', PORTS);
  if (port.isErr()) return err(port.error);
  const tlsPort = integerFlag(given, 'tls-port', PORTS);
  if (tlsPort.isErr()) return err(tlsPort.error);
  const workers = workersOf(given);
  if (workers.isErr()) return err(workers.error);
  const certificate = certificateOf(given, cwd);
  if (certificate.isErr()) return err(certificate.error);
  const frontDoor = flagValue(given, 'front-door');
  const wrong = frontDoorIssue(frontDoor, workers.value) ?? redirectIssue(given, tlsPort.value);
  if (wrong) return err(usage([wrong], 'serve'));
  return ok({
    host: flagValue(given, 'host') ?? HOST,
    port: port.value ?? PORT,
    frontDoor,
    tlsPort: tlsPort.value ?? TLS_PORT,
    certificate: certificate.value,
    hasTls: !has(given, 'no-tls'),
    redirects: has(given, 'redirect'),
    workers: workers.value,
  });
}

function workersOf(given: Arguments): Result<number, UsageError> {
  if (flagValue(given, 'workers') === 'auto') return ok(Math.min(WORKERS_MAX, availableParallelism()));
  return integerFlag(given, 'workers', { from: 1, to: WORKERS_MAX })
    .map((count) => count ?? 1)
    .mapErr((error) => {
      const [issue] = error.issues;
      return issue ? usage([{ ...issue, expected: `${issue.expected}, or auto: one per core` }], 'serve') : error;
    });
}

function certificateOf(given: Arguments, cwd: string): Result<ServePlan['certificate'], UsageError> {
  const [cert, key] = [flagValue(given, 'tls-cert'), flagValue(given, 'tls-key')];
  if (cert !== undefined && key !== undefined) return ok({ cert: resolve(cwd, cert), key: resolve(cwd, key) });
  if (cert === undefined && key === undefined) return ok(undefined);
  const [path, other] = cert === undefined ? ['--tls-cert', '--tls-key'] : ['--tls-key', '--tls-cert'];
  return err(usage([{ path, expected: `a PEM file, as there is ${other}`, received: 'nothing' }], 'serve'));
}

function frontDoorIssue(frontDoor: string | undefined, workers: number) {
  if (frontDoor === undefined) return undefined;
  const received = JSON.stringify(frontDoor);
  if (!/^https?:\/\/[^/]/.test(frontDoor) || !URL.canParse(frontDoor))
    return { path: '--front-door', expected: 'an http or https URL', received };
  if (workers === 1 || new URL(frontDoor).port !== '') return undefined;
  const expected = 'a URL with a port, as each of several workers has one of its own, from that one upwards';
  return { path: '--front-door', expected, received };
}

function redirectIssue(given: Arguments, tlsPort: number | undefined) {
  if (!has(given, 'redirect')) return undefined;
  if (has(given, 'no-tls'))
    return { path: '--redirect', expected: 'TLS to send visitors to', received: 'it beside --no-tls' };
  return tlsPort === 0
    ? { path: '--redirect', expected: 'a --tls-port that is known beforehand', received: '--tls-port 0' }
    : undefined;
}
