/** A case of the fault matrix: a stage, a deployment, one thing that breaks at one moment, and how it has to end. */
import type { Settings, StageOptions } from '../../packages/core/src/index.js';
import type { Moment } from './moments.js';
import type { Site } from './site.js';

export interface FaultCase {
  /** Unique, in words. */
  readonly name: string;
  /** One of the short form. */
  readonly isShort?: boolean;
  /** What it breaks for others: then it runs alone, or alone among those that use the database server. Default nothing. */
  readonly breaks?: 'engine' | 'postgres';
  /** Default the embedded one. */
  readonly proxy?: 'embedded' | 'npm';
  /** Default a SQLite file. */
  readonly store?: 'sqlite' | 'small-disk' | 'postgres';
  readonly stage?: StageOptions;
  readonly settings?: Settings;
  /** How long a pull may bring nothing, in milliseconds. */
  readonly pullStallMs?: number;
  /** Whether it looks tags up by `distributionRegistry`; default by the engine. */
  readonly asksRegistry?: boolean;
  /** The image of the deployment is not on the engine yet, and comes over a wire of its own. */
  readonly pulls?: boolean;
  /** The host watches, as one does that goes on living: what others do to its containers and routes is mended. */
  readonly watches?: boolean;
  /** A receiver of webhooks listens. */
  readonly hasReceiver?: boolean;
  /** Tags that are deployed before; default v1. */
  readonly before?: readonly string[];
  /** Default v2. */
  readonly tag?: string;
  /** Of the deployment afterwards, which has to work; default v9. */
  readonly next?: string;
  /** Before the deployment is asked for. */
  prepare?(site: Site): Promise<void>;
  readonly fault: Fault;
  readonly ends: Ending;
  /** Whether what breaks is what serves: then nobody is served before it is mended. Default no. */
  readonly isOutage?: boolean;
  /** What else has to be seen when everything is settled; each line is a reason to fail. */
  look?(site: Site): Promise<readonly string[]>;
}

export interface Fault {
  /** Default before the deployment is asked for. */
  readonly at?: Moment;
  /** @param args of the call that it strikes */
  strike(site: Site, args: readonly unknown[]): Promise<unknown> | unknown;
  /** Puts right what was broken; nothing where it is over by itself. */
  mend?(site: Site): Promise<unknown> | unknown;
  /** So long after the strike; default once the deployment has ended. */
  readonly mendAfterMs?: number;
}

export interface Ending {
  /** Any of them. */
  readonly status: readonly ('succeeded' | 'failed')[];
  /** Kinds of the error, where it has failed: any of them. */
  readonly kinds?: readonly string[];
  readonly step?: string;
  /** What the front door answers then; default the version of the deployment where it succeeded, else what served before. */
  readonly serves?: string;
}
