export interface ListenerCount {
  /** How many there are that nobody has taken off: one that is to be called once counts until its owner does, called or not. */
  readonly now: number;
  /** How many there were at once, at most. */
  readonly most: number;
}

/** Counts the listeners that a signal is given from now on. Node's own count forgets those that were called once. */
export function countListeners(signal: AbortSignal): ListenerCount {
  const count = { now: 0, most: 0 };
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    count.now += 1;
    count.most = Math.max(count.most, count.now);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    count.now -= 1;
    remove(...args);
  };
  return count;
}
