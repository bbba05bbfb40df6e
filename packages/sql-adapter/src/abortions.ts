/**
 * One listener per signal, however many calls wait under it: a host may give the same signal to all of its calls, and Node warns of
 * the eleventh listener.
 */
export class Abortions {
  readonly #waiting = new Map<AbortSignal, { readonly calls: Set<() => void>; readonly listener: () => void }>();

  /** @param onAbort called once, when the signal is aborted; the answer takes that back */
  on(signal: AbortSignal, onAbort: () => void): () => void {
    const calls = this.#waiting.get(signal)?.calls ?? this.#listen(signal);
    calls.add(onAbort);
    return () => {
      calls.delete(onAbort);
      const held = this.#waiting.get(signal);
      if (held?.calls !== calls || calls.size > 0) return;
      signal.removeEventListener('abort', held.listener);
      this.#waiting.delete(signal);
    };
  }

  #listen(signal: AbortSignal): Set<() => void> {
    const calls = new Set<() => void>();
    const listener = () => {
      this.#waiting.delete(signal);
      for (const call of [...calls]) call();
    };
    signal.addEventListener('abort', listener, { once: true });
    this.#waiting.set(signal, { calls, listener });
    return calls;
  }
}
