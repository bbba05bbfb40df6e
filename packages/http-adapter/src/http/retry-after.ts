/**
 * How long a receiver asks to be left alone, in milliseconds; undefined where it does not say. `Retry-After` counts seconds
 * (Discord's has decimals) or names a date. Source: RFC 9110, 10.2.3.
 */
export function retryAfterMs(headers: Headers, nowMs = Date.now()): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (!text) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  // Date.parse takes almost anything, a bare negative number too: a date begins with its weekday.
  const at = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Statuses after which the same request can succeed although nobody has changed anything. */
export const isWorthRetrying = (status: number): boolean => [408, 425, 429].includes(status) || status >= 500;
