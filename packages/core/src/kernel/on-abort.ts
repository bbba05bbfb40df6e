/**
 * Listening to a signal under which many may wait at once: a stage of forty domains under its deployment's, whatever a host asks for under
 * its deployer's. Each signal has one listener of ours, since Node warns of a leak where it has more than ten.
 */
class Listeners {
  readonly #signal: AbortSignal;
  readonly #all = new Set<Listener>();
  readonly #tell = () => {
    for (const listener of this.#all) listener.tell();
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(listener: Listener): void {
    if (this.#all.size === 0) this.#signal.addEventListener('abort', this.#tell, { once: true });
    this.#all.add(listener);
  }

  remove(listener: Listener): void {
    if (this.#all.delete(listener) && this.#all.size === 0) this.#signal.removeEventListener('abort', this.#tell);
  }
}

/** Its own, so that a function that is given twice is two. */
interface Listener {
  readonly tell: () => void;
}

// By signal, and gone with it: nothing to empty.
const LISTENING = new WeakMap<AbortSignal, Listeners>();

/** Called once when the signal is aborted, or at once where it is. The answer lets go of it. */
export function onAbort(signal: AbortSignal, tell: () => void): () => void {
  if (signal.aborted) {
    tell();
    return () => {};
  }
  let listeners = LISTENING.get(signal);
  if (!listeners) {
    listeners = new Listeners(signal);
    LISTENING.set(signal, listeners);
  }
  const own = { tell };
  listeners.add(own);
  return () => listeners.remove(own);
}

/** The work's answer, or `otherwise` as soon as the signal is aborted: the work goes on, for whoever else waits for it. */
export function untilAborted<T>(work: PromiseLike<T>, signal: AbortSignal, otherwise: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const letGo = onAbort(signal, () => resolve(otherwise()));
    // A signal that lives as long as the process would collect every wait that it ever bounded.
    void work.then(
      (answer) => {
        letGo();
        resolve(answer);
      },
      (thrown: unknown) => {
        letGo();
        reject(thrown);
      },
    );
  });
}
