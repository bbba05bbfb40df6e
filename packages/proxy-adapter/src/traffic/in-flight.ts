/** How many requests and upgraded connections each instance has accepted here and not finished. */
export interface InFlight {
  /** The answer ends it, once. */
  begin(instance: string): () => void;
  of(instance: string): number;
  readonly total: number;
  /** Resolves when there is nothing in flight, at once if so already. */
  idle(): Promise<void>;
}

export function inFlight(): InFlight {
  const counts = new Map<string, number>();
  let total = 0;
  let waiting: (() => void)[] = [];
  return {
    begin(instance) {
      counts.set(instance, (counts.get(instance) ?? 0) + 1);
      total += 1;
      let isEnded = false;
      return () => {
        if (isEnded) return;
        isEnded = true;
        total -= 1;
        const left = (counts.get(instance) ?? 1) - 1;
        if (left > 0) counts.set(instance, left);
        else counts.delete(instance);
        if (total === 0) {
          for (const resolve of waiting) resolve();
          waiting = [];
        }
      };
    },
    of: (instance) => counts.get(instance) ?? 0,
    get total() {
      return total;
    },
    idle: () => (total === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}
