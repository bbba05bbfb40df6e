/**
 * Listening to a signal under which many may wait at once: a stage of forty domains under its deployment's, whatever a host asks for under
 * its deployer's. Each signal has one listener of ours, since Node warns of a leak where it has more than ten.
 */
interface Listeners {
  readonly all: Set<() => void>;
  readonly tell: () => void;
}

// By signal, and gone with it: nothing to empty.
const LISTENING = new WeakMap<AbortSignal, Listeners>();

/** Called once when the signal is aborted, or at once where it is. The answer lets go of it. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => {};
  }
  const { all, tell } = LISTENING.get(signal) ?? listenTo(signal);
  // Its own, so that a listener that is given twice is two.
  const own = () => listener();
  all.add(own);
  return () => {
    if (!all.delete(own) || all.size > 0) return;
    signal.removeEventListener('abort', tell);
    LISTENING.delete(signal);
  };
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

function listenTo(signal: AbortSignal): Listeners {
  const all = new Set<() => void>();
  const tell = () => {
    LISTENING.delete(signal);
    for (const listener of all) listener();
  };
  signal.addEventListener('abort', tell, { once: true });
  const listeners = { all, tell };
  LISTENING.set(signal, listeners);
  return listeners;
}
