import { EventEmitter } from 'eventemitter3';
import { bug } from '../domain/errors.js';
import type { DeployerEvents } from './types.js';

export type EventName = keyof DeployerEvents;
export type Listener<Name extends EventName> = (payload: DeployerEvents[Name]) => unknown;

/**
 * Tells listeners of this process. eventemitter3 lets a listener's exception out and skips the listeners after it; here each is
 * called through a guard, and one that throws or rejects is reported as `listener.failed`.
 */
export class EventHub {
  readonly #emitter = new EventEmitter<Record<EventName, (payload: never) => unknown>>();

  /** The answer takes the listener off again. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): () => void {
    this.#emitter.on(name, listener as never);
    return () => {
      this.#emitter.off(name, listener as never);
    };
  }

  once<Name extends EventName>(name: Name, listener: Listener<Name>): () => void {
    const off = this.on(name, (payload) => {
      off();
      return listener(payload);
    });
    return off;
  }

  emit<Name extends EventName>(name: Name, payload: DeployerEvents[Name]): void {
    for (const listener of this.#emitter.listeners(name)) {
      try {
        const answer = (listener as Listener<Name>)(payload);
        if (answer instanceof Promise) answer.catch((thrown: unknown) => this.#report(name, thrown));
      } catch (thrown) {
        this.#report(name, thrown);
      }
    }
  }

  #report(name: EventName, thrown: unknown): void {
    // A listener of the report that throws in turn is not reported: that would never end.
    if (name !== 'listener.failed') this.emit('listener.failed', { event: name, error: bug(thrown) });
  }

  close(): void {
    this.#emitter.removeAllListeners();
  }
}
