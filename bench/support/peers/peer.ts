/** What is compared: anything that can put a version of the app behind a front door. */
import type { Field } from '../../../test/support/field.js';

export interface Peer {
  readonly name: string;
  readonly isOurs: boolean;
  /** Whether its work is done in this very process: its processor time is then this process's. */
  readonly isInProcess: boolean;
  /** Of what it consists of, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly door: Door;
  /**
   * Puts that version there, and comes to its end when the tool says that it is done.
   *
   * @returns processor seconds of the command and of all that it has started; nothing where it is done in this process
   */
  deploy(tag: string): Promise<number | undefined>;
  /** How many containers of the app it has. */
  running(): Promise<number>;
}

/** Where visitors come in, at 127.0.0.1. */
export interface Door {
  readonly port: number;
  /** What they start with, for another network than this machine's; empty where it is that. */
  readonly within: readonly string[];
}

/** What peers are opened with. */
export interface Ground {
  /** Shared by all but those that need an engine of their own. */
  readonly field: Field;
  /** The repository of the app's images there, one for each of `VERSIONS`. */
  readonly image: string;
  /** Aborted when all is to end. */
  readonly signal: AbortSignal;
  /** The script of docker-rollout, if the caller has it. */
  readonly rollout: string | undefined;
  /** Between two checks of the health of a container by its engine, for who waits for those. */
  readonly healthIntervalS: number;
  /** Closes it when all is over, what came last first. */
  own<T extends AsyncDisposable>(opening: T | Promise<T>): Promise<T>;
}

export interface NotRun {
  readonly name: string;
  readonly why: string;
  /** It is there, and failed; default: this machine has not got it, or it was not meant. */
  readonly isBroken?: boolean;
}

export const VERSIONS = ['v1', 'v2'] as const;
/** An app as it should be: at SIGTERM it takes no connection more, and ends once it has answered what it had accepted. */
export const APP_ENV = ['APP_FINISHES=yes'];
export const APP_PORT = 3000;
/** The default route of the stage that Quayside deploys to; whatever has no routes of its own is asked for the same. */
export const DOMAIN = 'stage-dev-shop.bench.test';
