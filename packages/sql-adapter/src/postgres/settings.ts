/** What a connection asks of the server for as long as it lasts. */

/** @param timeoutMs how long a call of this host may take */
export const settingsFor = (timeoutMs: number): { readonly [name: string]: string } => ({
  // Of what a host that stands still or is gone would hold up: before who waits for it gives up, so that the server can say for what.
  lock_timeout: String(Math.max(1, Math.round(timeoutMs * 0.9))),
  // Sooner than who waits for its locks gives up.
  idle_in_transaction_session_timeout: String(Math.max(1_000, Math.round(timeoutMs / 2))),
  ...WALKS,
});

/**
 * Every read is a walk along the index that was made for it. A planner that guesses how much there is would sometimes rather
 * collect and sort: an event stream's million entries for the first thousand of them.
 */
export const WALKS = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off', jit: 'off' };

/** Those that a server need not know: what nobody waits for any more does not wait for a lock. Since PostgreSQL 14, not on every system. */
export const WISHES = { client_connection_check_interval: '1000' };
