/**
 * From a request to an answer: genuine, readable, concerned, kept. What is done about it comes later, so that the answer takes milliseconds.
 * Nothing of a body is looked at before its sender is known, and nothing of it is acted on but the names of repositories and tags.
 */
import { createHash } from 'node:crypto';
import { within } from '@quayside/core/ports';
import { concerns, type Desk } from '../desk.js';
import type { Inbox } from '../inbox.js';
import type { Settings } from '../options.js';
import type { Source } from '../sources/source.js';
import type { TriggerReport } from '../types.js';
import { accepted, known, passed, REFUSALS, type Refusal, refused } from './answer.js';
import { readBounded } from './body.js';

export interface ReceiverOptions {
  readonly settings: Settings;
  readonly inbox: Inbox;
  readonly desk: Desk;
  readonly now: () => number;
  readonly report: (report: TriggerReport) => void;
  readonly signal: AbortSignal;
}

/** Bodies that are read at the same time: each may take its whole size in memory. */
const READING_MAX = 50;
const KEEP_MS = 5_000;
const NOTHING = new Uint8Array();

export function receiverOf(options: ReceiverOptions): (request: Request) => Promise<Response> {
  const { settings, report, desk } = options;
  let reading = 0;

  const receive = async (request: Request): Promise<Response> => {
    const found = sourceAt(settings, request.url);
    if (!found) return refuse('', REFUSALS['no-source']);
    const { name, source, pathSecret } = found;
    if (request.method !== 'POST') return refuse(name, REFUSALS.method);
    if (options.signal.aborted) return refuse(name, REFUSALS.closed);
    const { headers } = request;
    if (!/^application\/([\w.+-]+\+)?json\b/i.test(headers.get('content-type') ?? 'application/json')) {
      return refuse(name, REFUSALS.type);
    }
    if (!/^(identity)?$/i.test(headers.get('content-encoding') ?? '')) return refuse(name, REFUSALS.encoding);
    const isStranger = !source.signsBody && !source.isGenuine({ headers, pathSecret, body: NOTHING }, options.now());
    if (isStranger) return refuse(name, REFUSALS['not-genuine']);
    if (reading >= READING_MAX || desk.size >= settings.queueMax) return refuse(name, REFUSALS.busy);
    reading += 1;
    const read = await within(options.signal, settings.bodyTimeout, (limit) =>
      readBounded(request, settings.bodyLimit, limit.signal),
    ).finally(() => {
      reading -= 1;
    });
    if (read.isErr()) return refuse(name, options.signal.aborted ? REFUSALS.closed : REFUSALS[read.error]);
    const body = read.value;
    if (!source.isGenuine({ headers, pathSecret, body }, options.now())) return refuse(name, REFUSALS['not-genuine']);
    return understand(name, source, headers, body);
  };

  const understand = async (name: string, source: Source, headers: Headers, body: Uint8Array): Promise<Response> => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    } catch {
      return refuse(name, REFUSALS['not-json']);
    }
    const reading = source.read(parsed, headers);
    if (reading.isErr()) {
      const { message, hint } = reading.error;
      return refuse(name, { status: 400, message, hint });
    }
    const pushes = reading.value.pushes.filter((push) => settings.watches.some((watch) => concerns(watch, push)));
    if (pushes.length === 0)
      return pass(name, reading.value.ignored ?? 'No stage follows the repository that it tells of.');
    return keep(name, marksOf(source, headers, body), pushes);
  };

  const keep = async (name: string, marks: readonly string[], pushes: Parameters<Inbox['accept']>[2]) => {
    const kept = await within(options.signal, KEEP_MS, ({ signal }) =>
      options.inbox.accept(name, marks, pushes, signal),
    );
    if (kept.isErr()) return refuse(name, options.signal.aborted ? REFUSALS.closed : REFUSALS.store);
    const { delivery, isNew } = kept.value;
    if (!isNew) {
      report({ type: 'duplicate', source: name, delivery: delivery.id });
      return known(delivery.id);
    }
    report({
      type: 'accepted',
      source: name,
      delivery: delivery.id,
      images: [...new Set(pushes.map(({ image }) => image))],
    });
    desk.take(delivery);
    return accepted(delivery.id);
  };

  const refuse = (source: string, refusal: Refusal): Response => {
    report({ type: 'refused', source, status: refusal.status, reason: refusal.message });
    return refused(refusal);
  };

  const pass = (source: string, reason: string): Response => {
    report({ type: 'ignored', source, reason });
    return passed(reason);
  };

  return (request) => receive(request).catch(() => refuse('', REFUSALS.bug));
}

/** What the sender calls it, and, where no two pushes have the same, its body: a header that nobody signs can be changed. */
function marksOf(source: Source, headers: Headers, body: Uint8Array): readonly string[] {
  const id = source.deliveryId(headers);
  const hash = () => `body ${createHash('sha256').update(body).digest('hex')}`;
  const marks = [...(id === undefined ? [] : [`id ${id}`]), ...(source.bodyIsUnique ? [hash()] : [])];
  // Nothing tells two of them apart: each is one of its own, and the registry says whether anything is new.
  return marks.length > 0 ? marks : [`own ${crypto.randomUUID()}`];
}

/** By the last part of the path, or the last but one, with the secret behind it. */
function sourceAt(
  { sources }: Settings,
  url: string,
): { readonly name: string; readonly source: Source; readonly pathSecret: string | undefined } | undefined {
  const parts = new URL(url).pathname.split('/').filter((part) => part !== '');
  const last = parts.at(-1) ?? '';
  const before = parts.at(-2) ?? '';
  const own = sources.get(last);
  if (own) return { name: last, source: own, pathSecret: undefined };
  const other = sources.get(before);
  return other ? { name: before, source: other, pathSecret: last } : undefined;
}
