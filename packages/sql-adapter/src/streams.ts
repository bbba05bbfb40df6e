/** What a commit does to streams: their numbers are drawn while their row is locked, so that they become visible in their order. */
import type { Change } from '@quayside/core/ports';
import type { Ask, Row, Work } from './dialect.js';
import { encode } from './json.js';
import type { Statements } from './statements.js';

/** Entries of one append; up to where it is trimmed; or that it goes. */
type StreamOp = readonly string[] | { readonly through: number; readonly drop: boolean };

export interface StreamChanges {
  readonly name: string;
  /** In their order. */
  readonly ops: readonly StreamOp[];
}

/**
 * By stream and in the order of their names: who locks two of them does so as everybody else.
 *
 * @throws what is no plain JSON, or goes and grows at once: mistakes of the caller's
 */
export function groupByStream(changes: readonly Change[]): StreamChanges[] {
  const streams = new Map<string, StreamOp[]>();
  for (const change of changes) {
    if (change.op !== 'append' && change.op !== 'trim') continue;
    const ops = streams.get(change.stream) ?? [];
    if (change.op === 'append' && ops.some((op) => !isAppend(op) && op.drop))
      throw new TypeError(`The stream "${change.stream}" is dropped and appended to in one commit.`);
    ops.push(
      change.op === 'append'
        ? change.entries.map(encode)
        : { through: change.drop ? Number.MAX_SAFE_INTEGER : change.through, drop: change.drop === true },
    );
    streams.set(change.stream, ops);
  }
  return [...streams].map(([name, ops]) => ({ name, ops })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * @param writes what is to be written beside: it goes along with the first question
 * @returns per stream the number of its first new entry
 */
export function* changeStreams(
  { stream }: Statements,
  changes: readonly StreamChanges[],
  writes: readonly Ask[],
): Work<Record<string, number>> {
  const growing = changes.flatMap(({ name, ops }) =>
    ops.some(isAppend) ? [{ name, count: ops.reduce((sum, op) => sum + (isAppend(op) ? op.length : 0), 0) }] : [],
  );
  // What goes is locked first, as by who appends: an entry that comes at the same time is there to be removed, or comes later.
  const going = changes.flatMap(({ name, ops }) =>
    ops.some((op) => !isAppend(op) && op.drop) && !ops.some(isAppend) ? [stream.draw({ name, count: 0 })] : [],
  );
  const answers = yield* ask([...writes, ...growing.map(({ name, count }) => stream.draw({ name, count })), ...going]);
  const numbers = new Map(growing.map(({ name }, index) => [name, answers[writes.length + index]?.[0]]));
  const absent = growing.filter(({ name }) => !numbers.get(name));
  const begun = yield* ask(absent.map(({ name, count }) => stream.begin({ name, count })));
  for (const [index, { name }] of absent.entries()) numbers.set(name, begun[index]?.[0]);

  const first = new Map(growing.map(({ name, count }) => [name, Number(numbers.get(name)?.['last']) - count + 1]));
  yield* ask(
    changes.flatMap(({ name, ops }) => {
      const id = Number(numbers.get(name)?.['id']);
      let seq = first.get(name) ?? 0;
      return ops.flatMap((op) => {
        if (isAppend(op)) return op.map((body) => stream.add({ id, seq: seq++, body }));
        const trim = stream.trim({ name, through: op.through });
        return op.drop ? [trim, stream.drop({ name })] : [trim];
      });
    }),
  );
  return Object.fromEntries(first);
}

const isAppend = (op: StreamOp): op is readonly string[] => 'length' in op;

function* ask(asks: readonly Ask[]): Work<readonly (readonly Row[])[]> {
  return asks.length > 0 ? yield asks : [];
}
