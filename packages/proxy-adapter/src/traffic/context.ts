/** What a request on its way through needs of the proxy. */
import type { LiveRoute } from '../routes/table.js';
import type { Destination } from './address.js';
import type { InFlight } from './in-flight.js';
import type { Trust } from './trust.js';

export interface Context {
  readonly server: string;
  readonly trust: Trust;
  readonly inFlight: InFlight;
  readonly connectTimeoutMs: number;
  readonly headerLimitBytes: number;
  /** True once `close()` was called: answers end their connection. */
  readonly isClosing: () => boolean;
  /** The route as it is now: asked again before anything is sent a second time. */
  readonly routeOf: (domain: string) => LiveRoute | undefined;
  /** Whether its first deployment is under way. */
  readonly isPending: (domain: string) => Promise<boolean>;
  readonly report: (problem: {
    readonly domain: string;
    readonly instance: string | null;
    readonly status: number | null;
    readonly message: string;
  }) => void;
}

/** One request, and where it goes. */
export interface Passage {
  readonly destination: Destination;
  readonly route: LiveRoute;
  /** Only this instance may answer, and the answer says that it did: how a route is proved. */
  readonly pin: string | undefined;
}
