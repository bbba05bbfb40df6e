/** Of a port that was given something nobody may see: a login, a token, an address with a password in it. */
export interface KeepsSecrets {
  /**
   * All of it, as it is now: tokens that it came by, too. The deployer takes these out of every text that leaves it (logs, events, errors
   * with their causes, the history, notifications), whoever wrote that text: a server that repeats a password in its answer, a driver
   * that prints its address. Asked often: at once, and without a call to anybody. What it throws counts as none.
   */
  secrets?(): Iterable<string>;
}

/** Remembers secrets that a port comes by as it works; of more than `max` the oldest are forgotten. */
export function secretMemory(max = 200): { add(...secrets: readonly (string | undefined)[]): void; all(): string[] } {
  const known = new Set<string>();
  return {
    add(...secrets) {
      for (const secret of secrets) {
        if (!secret) continue;
        known.delete(secret);
        known.add(secret);
      }
      for (const oldest of known) {
        if (known.size <= max) break;
        known.delete(oldest);
      }
    },
    all: () => [...known],
  };
}
