import type { ResultAsync } from 'neverthrow';
import type { Reach } from '../domain/endpoints.js';
import type { AbortedError, BugError, TaggedError } from '../domain/errors.js';
import type { CallOptions } from './call.js';
import type { KeepsSecrets } from './secrets.js';

/** Why an attempt got no answer. */
export type ProbeReason = 'refused' | 'timeout' | 'dns' | 'reset' | 'unreachable';

export type ProbeError = AbortedError | BugError | (TaggedError<'probe-failed'> & { readonly reason: ProbeReason });

export interface ProbeRequest {
  readonly kind: 'http' | 'tcp';
  readonly host: string;
  readonly port: number;
  /** Of one attempt, from the first packet to the last byte that is read. */
  readonly timeoutMs: number;
  /** The rest is for `http`. */
  readonly method: string;
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
}

export interface ProbeAnswer {
  /** HTTP status; null for `tcp`, which is content with a connection. */
  readonly status: number | null;
  /** The first 64 kB. */
  readonly body: string;
  readonly location: string | null;
}

/** Asks an instance once. It judges nothing and follows nothing: what an answer means is the core's to say. */
export interface HealthProbe extends KeepsSecrets {
  readonly name: string;
  /** What it can ask, the best first. */
  readonly reaches: readonly Reach[];
  check(request: ProbeRequest, options: CallOptions): ResultAsync<ProbeAnswer, ProbeError>;
  close?(): ResultAsync<void, ProbeError>;
}
