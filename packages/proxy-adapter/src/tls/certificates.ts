/**
 * Which certificate a visitor is shown, by the domain that is asked for (SNI).
 *
 *   none ──asked──▶ fresh ──refreshEvery──▶ stale ──asked again, in the background──▶ fresh
 *
 * A stale one is shown until another has come, so that a renewal that fails, hangs or is late is nobody's problem before the
 * certificate itself ends. Where there is none, those who come at the same time wait for one question, and a question that failed is not
 * repeated for a while: a handshake costs a visitor little, and must cost the host little too.
 */
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { untilAborted, within } from '@quayside/core/ports';
import { type CertificatePair, isFile, type TlsSettings } from './options.js';

/** Domains whose certificates are kept; with more, the one that was wanted longest ago is asked for again. */
const KEPT_MAX = 1_000;
/** Questions at a time; who comes beyond it is refused. */
const ASKED_MAX = 64;
/** What the one for every domain is kept by: no visitor can ask for that name. */
const EVERYONE = '*';
/** How long a question that brought nothing is not repeated, at most. */
const FAILED_PAUSE_MS = 5_000;

export interface Certificates {
  /** Undefined: the handshake is refused. */
  contextFor(domain: string): Promise<SecureContext | undefined>;
  /** Reads all that was given; rejects with what is wrong. */
  check(): Promise<void>;
  close(): void;
}

export interface CertificatesOptions {
  readonly settings: TlsSettings;
  /** Shown for every domain, in place of those of the settings. */
  readonly everyones?: CertificatePair;
  /** Whether the proxy has a route for it: the host is asked about no other. */
  readonly hasRoute: (domain: string) => boolean;
  readonly report: (domain: string, message: string) => void;
}

interface Kept {
  context: SecureContext | undefined;
  /** Of which it was made: the same again makes none. */
  text: string;
  dueAtMs: number;
  asking: Promise<void> | undefined;
}

export function openCertificates({ settings, everyones, hasRoute, report }: CertificatesOptions): Certificates {
  const { answerTimeout, refreshEvery } = settings;
  const given: Readonly<Record<string, CertificatePair>> = everyones
    ? { [EVERYONE]: everyones }
    : settings.certificates;
  const askHost = everyones ? undefined : settings.certificate;
  const kept = new Map<string, Kept>();
  const closing = new AbortController();
  let asked = 0;

  /** Given ones are kept by the name that they were given for: a wildcard is one, whatever visitors make up. */
  const givenFor = (domain: string): string | undefined => {
    if (everyones) return EVERYONE;
    if (Object.hasOwn(given, domain)) return domain;
    const wildcard = `*${domain.slice(Math.max(0, domain.indexOf('.')))}`;
    return Object.hasOwn(given, wildcard) ? wildcard : undefined;
  };

  const find = async (key: string, signal: AbortSignal): Promise<CertificatePair | undefined> => {
    const pair = Object.hasOwn(given, key) ? given[key] : undefined;
    if (!pair) return askHost?.(key, signal);
    const [cert, secret] = await Promise.all([pair.cert, pair.key].map((each) => textOf(each, signal)));
    return { cert: cert ?? '', key: secret ?? '' };
  };

  const ask = async (key: string, entry: Kept): Promise<void> => {
    asked += 1;
    let pauseMs = refreshEvery;
    try {
      await within(closing.signal, answerTimeout, async ({ signal }) => {
        // What goes on although its time is over is left behind.
        const late = new Error(`no certificate within ${answerTimeout} ms`);
        const pair = await untilAborted<CertificatePair | undefined | Error>(find(key, signal), signal, () => late);
        if (pair instanceof Error) throw pair;
        const text = pair ? `${pair.cert}\n${pair.key}` : '';
        if (!pair) pauseMs = Math.min(refreshEvery, FAILED_PAUSE_MS);
        if (text !== entry.text || !pair)
          entry.context = pair && createSecureContext({ cert: pair.cert, key: pair.key });
        entry.text = text;
      });
    } catch (thrown) {
      pauseMs = Math.min(refreshEvery, FAILED_PAUSE_MS);
      if (!closing.signal.aborted) report(key, thrown instanceof Error ? thrown.message : String(thrown));
    } finally {
      asked -= 1;
      entry.dueAtMs = performance.now() + pauseMs;
      entry.asking = undefined;
    }
  };

  const entryOf = (key: string): Kept => {
    const entry = kept.get(key) ?? { context: undefined, text: '', dueAtMs: -1, asking: undefined };
    kept.delete(key);
    kept.set(key, entry);
    if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value ?? key);
    return entry;
  };

  return {
    async contextFor(domain) {
      const key = givenFor(domain) ?? (askHost && hasRoute(domain) ? domain : undefined);
      if (key === undefined || closing.signal.aborted) return undefined;
      const entry = entryOf(key);
      if (performance.now() >= entry.dueAtMs && !entry.asking && asked < ASKED_MAX) entry.asking = ask(key, entry);
      if (!entry.context) await entry.asking;
      return entry.context;
    },
    async check() {
      for (const domain of Object.keys(given)) {
        const entry = entryOf(domain);
        const pair = await within(closing.signal, answerTimeout, ({ signal }) => find(domain, signal)).catch(
          (thrown) => {
            throw new Error(`${named(domain)}${thrown instanceof Error ? thrown.message : thrown}`, { cause: thrown });
          },
        );
        try {
          entry.context = createSecureContext({ cert: pair?.cert, key: pair?.key });
        } catch (thrown) {
          const why = thrown instanceof Error ? thrown.message : String(thrown);
          throw new Error(`${named(domain)}this is no certificate with its key (${why})`, { cause: thrown });
        }
        entry.text = `${pair?.cert}\n${pair?.key}`;
        entry.dueAtMs = performance.now() + refreshEvery;
      }
    },
    close: () => closing.abort(new Error('closed')),
  };
}

const named = (domain: string): string => (domain === EVERYONE ? '' : `${domain}: `);

const textOf = (text: string, signal: AbortSignal): string | Promise<string> =>
  isFile(text) ? readFile(text, { encoding: 'utf8', signal }) : text;
