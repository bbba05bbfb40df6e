import { durationText } from '../terminal/quantities.js';
import type { Check } from './checks.js';
import { type Finding, failed, good, skipped, warning } from './finding.js';

/** A `Date` header counts whole seconds, and has travelled. */
const OFF_MS = 5_000;
/** Certificates, tokens of registries and signatures of webhooks are refused long before that. */
const FAR_OFF_MS = 60_000;
const ASK_MS = 5_000;
const HINT = 'Let the machine keep its time: `timedatectl set-ntp true`, or chrony.';

/** This machine's clock beside those of the registries. Who is right is decided by no clock here, but history, tokens and TLS need one. */
export const checkClock: Check = async ({ options: { projects } }, signal) => {
  const images = typeof projects === 'function' ? [] : Object.values(projects).map(({ image }) => image);
  for (const host of new Set(images.map(registryOf))) {
    for (const scheme of ['https', 'http']) {
      const offMs = await offsetFrom(`${scheme}://${host}/v2/`, signal);
      if (offMs !== undefined) return [judged(offMs, host)];
    }
  }
  return [skipped('clock', 'no registry could be asked for the time')];
};

function judged(offMs: number, host: string): Finding {
  const off = Math.abs(offMs);
  if (off <= OFF_MS) return good('clock', `as that of ${host}`);
  const text = `it is ${durationText(off)} ${offMs > 0 ? 'ahead of' : 'behind'} that of ${host}`;
  return off > FAR_OFF_MS ? failed('clock', text, HINT) : warning('clock', text, HINT);
}

async function offsetFrom(url: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const before = Date.now();
    const answer = await fetch(url, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]),
    });
    const between = (before + Date.now()) / 2;
    const theirs = Date.parse(answer.headers.get('date') ?? '');
    // Half a second: what was cut off, on average.
    return Number.isNaN(theirs) ? undefined : between - (theirs + 500);
  } catch {
    return undefined;
  }
}

/** As references are read: what looks like a host before the first slash, else Docker Hub's. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  return isHost && first !== 'docker.io' ? first : 'registry-1.docker.io';
}
