/**
 * Listening to a signal under which many may wait at once: a stage of forty domains under its deployment's, whatever a host asks for under
 * its deployer's. Each signal has one listener of ours, since Node warns of a leak where it has more than ten.
 */
class Listeners {
  readonly #signal: AbortSignal;
  /** Mostly there is one. */
  #first: Listener | undefined;
  #others: Set<Listener> | undefined;
  readonly #tell = () => {
    this.#first?.tell();
    for (const listener of this.#others ?? []) listener.tell();
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(listener: Listener): void {
    if (this.#isEmpty) this.#signal.addEventListener('abort', this.#tell, { once: true });
    if (this.#isEmpty) this.#first = listener;
    else {
      this.#others ??= new Set();
      this.#others.add(listener);
    }
  }

  remove(listener: Listener): void {
    if (listener === this.#first) this.#first = undefined;
    else if (!this.#others?.delete(listener)) return;
    if (this.#isEmpty) this.#signal.removeEventListener('abort', this.#tell);
  }

  get #isEmpty(): boolean {
    return !this.#first && !this.#others?.size;
  }
}

/** Its own, so that a function that is given twice is two. */
interface Listener {
  readonly tell: () => void;
}

/**
 * Under this name a signal holds its own: gone with it, nothing to empty. In a `WeakMap` they would be roots of every minor collection, as
 * V8 takes a young value for alive whatever its key is, and with them all that a deployment had in its hands.
 */
const LISTENERS = Symbol('quayside.listeners');
type Listened = AbortSignal & { [LISTENERS]?: Listeners };

/** Called once when the signal is aborted, or at once where it is. The answer lets go of it. */
export function onAbort(signal: AbortSignal, tell: () => void): () => void {
  if (signal.aborted) {
    tell();
    return () => {};
  }
  const listened: Listened = signal;
  listened[LISTENERS] ??= new Listeners(signal);
  const listeners = listened[LISTENERS];
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
