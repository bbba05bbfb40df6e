/** Times, durations and names as people read them. */

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' });
const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

export function ago(time: number, now: number): string {
  const passed = now - time;
  for (const [unit, ms] of UNITS) if (Math.abs(passed) >= ms) return relative.format(-Math.trunc(passed / ms), unit);
  return passed >= 0 ? 'just now' : 'in a moment';
}

const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
export const dateTime = (time: number): string => exact.format(time);

/** `sha256:` and enough of the rest to tell one from another. */
export const shortDigest = (digest: string): string => digest.replace(/^(sha256:)?([0-9a-f]{12})[0-9a-f]+$/, '$2');

/** Long digests amid a text. */
export const shortened = (text: string): string => text.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…');

/** Where a domain is visited; undefined for what is no domain, so that nothing else can become a link. */
export function visitUrl(pattern: string, domain: string): string | undefined {
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(domain)) return undefined;
  const url = pattern.replace('{domain}', domain);
  return /^https?:\/\//.test(url) ? url : undefined;
}

/** Tags as people look for them: the newest version first, names after them. */
export function newestFirst(tags: readonly string[]): readonly string[] {
  const collator = new Intl.Collator('en', { numeric: true });
  const isVersion = (tag: string) => /^v?\d/.test(tag);
  return [...tags].sort((a, b) => {
    if (isVersion(a) !== isVersion(b)) return isVersion(a) ? -1 : 1;
    return isVersion(a) ? collator.compare(b, a) : collator.compare(a, b);
  });
}
