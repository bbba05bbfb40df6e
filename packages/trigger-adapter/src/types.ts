/** What a host gives, and what it gets. */
import type { AnyError, Clock, Registry, Store } from '@quayside/core/ports';
import type { Result, ResultAsync } from 'neverthrow';
import type { SkipReason } from './judge.js';
import type { Plain } from './options.js';

/** What is asked of a deployer: any of `createDeployer` has it. */
export interface TriggerDeployer {
  submit(
    request: {
      readonly project: string;
      readonly stage: string;
      readonly tag: string;
      readonly digest?: string;
      readonly by?: string;
      readonly idempotencyKey?: string;
    },
    options?: { readonly signal?: AbortSignal },
  ): ResultAsync<{ readonly id: string }, AnyError>;
  readonly deployments: {
    get(
      id: string,
      options?: { readonly signal?: AbortSignal },
    ): ResultAsync<
      { readonly status: string; readonly error: { readonly kind: string; readonly retryable: boolean } | null },
      AnyError
    >;
  };
  readonly instances: {
    list(query: {
      readonly project?: string;
      readonly stage?: string;
      readonly limit?: number;
      readonly signal?: AbortSignal;
    }): ResultAsync<{ readonly items: readonly ServingInstance[] }, AnyError>;
  };
}

export interface ServingInstance {
  readonly id: string;
  readonly tag: string;
  readonly digest: string;
  readonly isDefault: boolean;
}

/** A port, or what an adapter's factory answers. */
export type PortOption<Port> = Port | Result<Port, AnyError>;

export interface TriggersOptions extends Plain {
  readonly deployer: TriggerDeployer;
  /** Asked what a tag is now before anything is deployed: `distributionRegistry` of `@quayside/http-adapter`. */
  readonly registry: PortOption<Registry>;
  /** The deployer's own: what was decided and accepted is kept there, for every process that shares it. */
  readonly store: PortOption<Store>;
  /** Told of everything that happens here, for the host's log. One that throws harms nobody. */
  readonly onReport?: (report: TriggerReport) => void;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** From 0 up to, not including, 1: for jitter. Default `Math.random`. */
  readonly random?: () => number;
}

interface OfStage {
  readonly project: string;
  readonly stage: string;
}

interface OfDigest extends OfStage {
  readonly tag: string;
  readonly digest: string;
  /** `webhook {source}` or `poll`. */
  readonly by: string;
}

export type TriggerReport =
  /** A delivery is kept, and will be looked into. */
  | {
      readonly type: 'accepted';
      readonly source: string;
      readonly delivery: string;
      readonly images: readonly string[];
    }
  /** It came before. */
  | { readonly type: 'duplicate'; readonly source: string; readonly delivery: string }
  /** It is genuine and means nothing here. */
  | { readonly type: 'ignored'; readonly source: string; readonly reason: string }
  | { readonly type: 'refused'; readonly source: string; readonly status: number; readonly reason: string }
  | ({ readonly type: 'submitted'; readonly deployment: string } & OfDigest)
  | ({ readonly type: 'skipped'; readonly reason: SkipReason } & OfDigest)
  /** The stage's policy takes none of the tags that there are, or that were told of. */
  | ({ readonly type: 'no-tag'; readonly policy: string; readonly by: string } & OfStage)
  /** A look at a stage failed. `retryInMs`: when it is done again; null: with the next push or poll. */
  | ({
      readonly type: 'failed';
      readonly error: AnyError;
      readonly retryInMs: number | null;
      readonly by: string;
    } & OfStage)
  /** A registry asks to be left alone, or does not answer: it is not polled before. */
  | { readonly type: 'backed-off'; readonly registry: string; readonly error: AnyError; readonly retryInMs: number };

export interface Triggers extends AsyncDisposable {
  /**
   * The receiver of all sources, by the last part of the path (`/hooks/ghcr`), or, where the secret is a part of the URL, the last two
   * (`/hooks/hub/{secret}`). Answers with JSON; never rejects.
   */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * Begins: takes up what was accepted and not looked into by processes that are gone, and polls. A receiver works without it, and leaves
   * both to others. Twice is fine.
   */
  start(): void;
  /** Looks at every stage that is polled now, whatever the interval. */
  poll(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Settled once nothing that was accepted here waits to be looked into, retries included. */
  idle(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Takes nothing more (503), and waits for what it is at, up to `timeoutMs` (default 10 000). What was accepted and not looked into stays in
   * the store for the next start. Neither the deployer nor the ports are closed. Twice is fine.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
