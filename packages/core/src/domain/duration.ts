const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A span of time as a person writes it (`'500ms'`, `'10s'`, `'5m'`, `'2h'`, `'7d'`), or whole milliseconds. */
export type Duration = number | `${number}${keyof typeof UNITS_MS}`;

/** Milliseconds, rounded up to whole ones; undefined where the text is no duration. */
export function durationMs(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isInteger(text) && text >= 0 ? text : undefined;
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
  return match ? Math.ceil(Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS]) : undefined;
}

const UNITS_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** Bytes, from a number of them or the engine's own notation (`'512m'`, `'2g'`); undefined where it is none. */
export function sizeBytes(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isInteger(text) && text >= 0 ? text : undefined;
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([bkmgt]?)(?:i?b)?$/i.exec(text);
  return match ? Math.ceil(Number(match[1]) * (UNITS_BYTES[(match[2] ?? '').toLowerCase()] ?? 1)) : undefined;
}
