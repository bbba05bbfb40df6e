/** What every method of a port takes: it answers `aborted` once the signal is aborted, at once if it is so already. */
export interface CallOptions {
  readonly signal: AbortSignal;
}
