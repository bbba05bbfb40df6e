/**
 * `AbortController` and `AbortSignal` as far as the core uses them, for runs by the thousand: those of Node are event targets in full, and
 * a simulation makes some hundred of them for every deployment. A test holds that a seed runs the same with Node's own (`--native`).
 */
type Listener = (event: { readonly type: 'abort'; readonly target: LightSignal }) => void;

class LightSignal {
  aborted = false;
  reason: unknown;
  /** Whether a listener is to be called once only. */
  #listeners: Map<Listener, boolean> | undefined;

  addEventListener(type: string, listener: Listener, options?: { readonly once?: boolean }): void {
    if (type !== 'abort' || this.#listeners?.has(listener)) return;
    this.#listeners ??= new Map();
    this.#listeners.set(listener, options?.once ?? false);
  }

  removeEventListener(_type: string, listener: Listener): void {
    this.#listeners?.delete(listener);
  }

  /** For the controller alone. */
  strike(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    if (!this.#listeners) return;
    for (const [listener, isOnce] of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue;
      if (isOnce) this.#listeners.delete(listener);
      listener({ type: 'abort', target: this });
    }
  }
}

class LightController {
  readonly signal = new LightSignal();

  abort(reason: unknown = NO_REASON): void {
    this.signal.strike(reason);
  }
}

const NO_REASON = new Error('This operation was aborted');

export function useLightAbort(): void {
  Object.assign(globalThis, { AbortController: LightController, AbortSignal: LightSignal });
}
