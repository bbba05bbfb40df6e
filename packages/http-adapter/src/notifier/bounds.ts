import { duration } from '@quayside/core/ports';
import { z } from 'zod';

const limit = (defaultMs: number) => duration().pipe(z.int().min(1).max(600_000)).default(defaultMs);

/** The options that every notifier over HTTP has. */
export const bounds = {
  /** Unique among a deployer's notifiers and stable: what waits to be told is kept under it. Default: the service's. */
  name: z.string().min(1).max(64).optional(),
  /** Which events it tells; default: how deployments ended, and their cleanup. */
  events: z.array(z.string().min(1)).min(1).optional(),
  /** What links to domains begin with; default `https`. */
  linkScheme: z.enum(['http', 'https']).default('https'),
  /** The bound on one attempt; default 10 s. */
  timeout: limit(10_000),
  /** The bound on one call with all its attempts and pauses; default 30 s. */
  totalTimeout: limit(30_000),
  /** Attempts of one call; what comes after it is the outbox's. Default 3. */
  attempts: z.int().min(1).max(10).default(3),
};

const Bounds = z.object(bounds);
export type Bounds = z.output<typeof Bounds>;
