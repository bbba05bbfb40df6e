/** A wall-clock time for people: RFC 3339, UTC. */
export function isoTime(ms: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: it formats a given time and asks for none
  return new Date(ms).toISOString();
}
