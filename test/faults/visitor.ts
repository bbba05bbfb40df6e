/** Somebody who asks for a domain again and again, each time on a connection of its own, and writes down what did not work. */
import { ask } from '../support/front-door.js';

export interface Visitor {
  /** What was answered otherwise than an app does, and when, by the monotonic clock. */
  readonly bad: readonly { readonly atMs: number; readonly said: string }[];
  /** How often an app has answered. */
  readonly good: number;
  leave(): Promise<void>;
}

const PAUSE_MS = 40;

export function visit(
  frontDoor: { readonly host: string; readonly port: number },
  domain: string,
  versions: readonly string[],
): Visitor {
  const bad: { atMs: number; said: string }[] = [];
  let good = 0;
  let isLeaving = false;
  const strolling = (async () => {
    while (!isLeaving) {
      const atMs = performance.now();
      const said = await answer(frontDoor, domain);
      if (versions.includes(said)) good += 1;
      else bad.push({ atMs, said });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  })();
  return {
    bad,
    get good() {
      return good;
    },
    leave() {
      isLeaving = true;
      return strolling;
    },
  };
}

/** The version that answers there, or what else was said. */
export async function answer(
  frontDoor: { readonly host: string; readonly port: number },
  domain: string,
): Promise<string> {
  try {
    const { status, body } = await ask(frontDoor, domain);
    return status === 200 ? body.trim() : `${status}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
