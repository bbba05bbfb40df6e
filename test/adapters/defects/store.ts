import type { Change, Json, Store, StoreError, StreamEntry } from '@quayside/core/ports';
import { COLLECTION_INDEXES, storeConflict } from '@quayside/core/ports';
import { type StoreSubject, storeLaws } from '@quayside/core/testing';
import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import { storeSubject } from '../../../packages/core/src/testing/laws/memory-subjects.js';
import type { Suite } from '../defect.js';
import { deaf, later, leaveListener } from '../wrong.js';

/** A connection with its defect; `right` is the same connection without. What it remembers by `shared` every connection does. */
type Wrong = (right: Store, shared: Map<string, unknown>) => Partial<Store>;

const defect = (name: string, law: string, wrong: Wrong, how?: 'limit' | 'throw') => ({
  name,
  law,
  ...(how ? { how } : {}),
  open() {
    const shared = new Map<string, unknown>();
    return storeSubject((right) => ({ ...right, ...wrong(right, shared) }));
  },
});

const isRecord = (change: Change): change is Exclude<Change, { readonly op: 'append' | 'trim' }> =>
  change.op !== 'append' && change.op !== 'trim';

const INSERTED = 'an insert over what is there is a conflict that names the record, and changes nothing';
const PUT = 'a put with a version writes over exactly that one';
const WHOLE = 'a commit is all or nothing: what fails at its last change has written none, and drawn no number';
const EXPECTED = 'an expectation that is not met is a conflict that names its record, and nothing is written';
const EXPECTED_BEFORE = 'expectations are about what was there before the commit, not about its own changes';
const EXPECTED_AT_ONCE =
  'of commits at once that each expect what another one changes, one after the other happens: expectations hold until the end';
const FENCED =
  'a fence holds only while its lease is held under that very token; else the commit is lease-lost and writes nothing';
const FENCED_FIRST = 'fences are looked at before expectations and before the changes of their own commit';
const FENCED_AT_ONCE =
  'a fence holds until the end of its commit: a lease that is taken over at the same time is either not yet or no longer held';
const LEASED =
  'a lease whose holder is dead is taken over by a put of its version: then the new token holds, and the old one fences nothing';
const COUNTED = 'a stream counts from 1 without a gap, each for itself, and the receipt has the first new number';
const READ = 'a stream is read on behind a number, and an absent one is empty';
const READ_ALL = 'a read gives at most 1 000 entries, and going on behind the last gives all';
const TRIMMED = 'trimmed entries are gone, and their numbers are not used again';
const LISTED = 'a list is ordered by id, either way, and goes on behind a cursor: every record comes exactly once';
const INDEXED = 'every declared index finds exactly the records that have its values, null among them';
const FOLLOWED = 'a follower is called after a commit, whoever made it, and finds it when it looks';
const CLOSED = 'closing twice is fine; afterwards every call answers `closed`, and other connections go on';

export const storeSuite: Suite<StoreSubject> = {
  port: 'Store',
  laws: storeLaws,
  right: [{ name: 'in memory', open: () => storeSubject() }],
  defects: [
    defect(
      'each connection has an id of its own',
      'the store’s id is 12 characters of [0-9a-z], and the same over every connection',
      (right, shared) => {
        const number = shared.size;
        shared.set(`connection-${number}`, true);
        return { storeId: (options) => right.storeId(options).map((id) => `${id.slice(0, 11)}${number % 10}`) };
      },
    ),
    defect(
      'what a connection has read it goes on answering',
      'of many who put over the same version at once, exactly one wins, so that counting loses none',
      (right) => {
        const known = new Map<string, ReturnType<Store['get']>>();
        return {
          get(collection, id, options) {
            const key = `${collection}/${id}`;
            const found = known.get(key) ?? right.get(collection, id, options);
            known.set(key, found);
            return found as never;
          },
        };
      },
    ),
    defect('an insert writes over what is there', INSERTED, (right) => ({
      commit: (changes, options) =>
        right.commit(
          changes.map((each) => (each.op === 'insert' ? ({ ...each, op: 'put' } as Change) : each)),
          options,
        ),
    })),
    defect('a conflict does not name its record', INSERTED, (right) => ({
      commit: (changes, options) =>
        right
          .commit(changes, options)
          .mapErr((error) => (error.kind === 'store-conflict' ? storeConflict(error.collection, '') : error)),
    })),
    defect('a conflict is a `bug`', INSERTED, (right) => ({
      commit: (changes, options) =>
        right
          .commit(changes, options)
          .mapErr((error) => (error.kind === 'store-conflict' ? { ...error, kind: 'bug' as const } : error)),
    })),
    defect('the version of a put is not looked at', PUT, (right) => ({
      commit: (changes, options) =>
        right.commit(
          changes.map((each) => {
            if (each.op !== 'put') return each;
            const { version: _version, ...rest } = each;
            return rest as Change;
          }),
          options,
        ),
    })),
    defect(
      'what is inserted again goes on with its old version',
      'a remove of what is gone is fine, and with a version it removes exactly that one',
      (right, shared) => ({
        commit(changes, options) {
          return right.commit(changes, options).andTee(() => {
            for (const each of changes) if (each.op === 'remove') shared.set(each.id, true);
          });
        },
        get: (collection, id, options) =>
          right
            .get(collection, id, options)
            .map((found) => (found && shared.has(id) ? { ...found, version: found.version + 1 } : found)),
      }),
    ),
    defect(
      'removing what is gone is a conflict',
      'a remove of what is gone is fine, and with a version it removes exactly that one',
      (right) => ({
        commit(changes, options) {
          const [first] = changes;
          if (first?.op !== 'remove' || first.version !== undefined || options.signal.aborted)
            return right.commit(changes, options);
          return right
            .get(first.collection, first.id, options)
            .andThen((found) =>
              found ? right.commit(changes, options) : errAsync(storeConflict(first.collection, first.id)),
            );
        },
      }),
    ),
    defect('changes are written one after the other, until one fails', WHOLE, (right) => ({
      commit(changes, options) {
        if (changes.length < 2 || changes.length > 100) return right.commit(changes, options);
        return changes
          .slice(1)
          .reduce(
            (sofar, each) =>
              sofar.andThen((receipt) =>
                right
                  .commit([each], deaf({ signal: options.signal }))
                  .map(({ sequences }) => ({ sequences: { ...sequences, ...receipt.sequences } })),
              ),
            right.commit(changes.slice(0, 1), options),
          );
      },
    })),
    defect('a commit that failed has drawn its numbers', WHOLE, (right) => ({
      commit: (changes, options) =>
        right.commit(changes, options).orElse((error) => {
          const drawn = changes.filter((each) => each.op === 'append');
          if (error.kind !== 'store-conflict' || drawn.length === 0) return errAsync(error);
          return right
            .commit(drawn, deaf({ signal: options.signal }))
            .andThen(({ sequences }) =>
              right.commit(
                Object.entries(sequences).map(([stream, through]) => ({ op: 'trim' as const, stream, through })),
                deaf({ signal: options.signal }),
              ),
            )
            .andThen(() => errAsync(error));
        }),
    })),
    defect(
      'appends are written after everything else',
      'the changes of a commit take effect in their order',
      (right) => ({
        commit: (changes, options) => right.commit([...changes].reverse(), options),
      }),
    ),
    defect('a hundred and one changes are taken', 'a commit has at most 100 changes', (right) => ({
      commit: (changes, options) =>
        changes.length <= 100
          ? right.commit(changes, options)
          : right.commit(changes.slice(0, 100), options).andThen(() => right.commit(changes.slice(100), options)),
    })),
    defect('expectations are not looked at', EXPECTED, (right) => ({
      commit: (changes, { expect: _expect, ...options }) => right.commit(changes, options),
    })),
    defect('an expectation that nothing is there is met by anything', EXPECTED, (right) => ({
      commit: (changes, { expect = [], ...options }) =>
        right.commit(changes, { ...options, expect: expect.filter(({ version }) => version !== null) }),
    })),
    defect('expectations are looked at when the changes are written', EXPECTED_BEFORE, (right) => ({
      commit(changes, { expect = [], ...options }) {
        const own = (each: (typeof expect)[number]) =>
          changes.some(
            (change) =>
              isRecord(change) &&
              (change.op === 'remove' ? change.id : change.record.id) === each.id &&
              change.op === 'put',
          );
        return right.commit(changes, {
          ...options,
          expect: expect.map((each) => (own(each) ? { ...each, version: (each.version ?? 1) - 1 } : each)),
        });
      },
    })),
    defect('expectations are looked at, and then it is written', EXPECTED_AT_ONCE, (right) => ({
      commit: (changes, { expect = [], ...options }) =>
        right
          .commit([], { ...options, expect })
          .andThen((empty) => (changes.length === 0 ? okAsync(empty) : later(() => right.commit(changes, options)))),
    })),
    defect('fences are not looked at', FENCED, (right) => ({
      commit: (changes, { fence: _fence, ...options }) => right.commit(changes, options),
    })),
    defect('an older token is taken as well', FENCED, (right) => ({
      commit: (changes, { fence = [], ...options }) =>
        options.signal.aborted
          ? right.commit(changes, options)
          : later(async () => {
              const current = await Promise.all(
                fence.map(async (each) => {
                  const found = (await right.get('leases', each.lease, options))._unsafeUnwrap();
                  return found && found.value.token >= each.token ? { ...each, token: found.value.token } : each;
                }),
              );
              return right.commit(changes, { ...options, fence: current });
            }),
    })),
    defect('a lease that was freed still fences', FENCED, (right) => ({
      commit: (changes, { fence = [], ...options }) =>
        options.signal.aborted
          ? right.commit(changes, options)
          : later(async () => {
              const kept = await Promise.all(
                fence.map(async (each) =>
                  (await right.get('leases', each.lease, options))._unsafeUnwrap()?.value.holder === null ? [] : [each],
                ),
              );
              return right.commit(changes, { ...options, fence: kept.flat() });
            }),
    })),
    defect('only the first of several fences is looked at', FENCED, (right) => ({
      commit: (changes, { fence = [], ...options }) => right.commit(changes, { ...options, fence: fence.slice(0, 1) }),
    })),
    defect('a lost lease is a conflict', FENCED, (right) => ({
      commit: (changes, options) =>
        right
          .commit(changes, options)
          .mapErr((error) => (error.kind === 'lease-lost' ? storeConflict('leases', error.lease) : error)),
    })),
    defect('expectations are looked at before fences', FENCED_FIRST, (right) => ({
      commit: (changes, { expect = [], ...options }) =>
        right
          .commit([], { signal: options.signal, expect })
          .andThen(() => right.commit(changes, { ...options, expect })),
    })),
    defect('a fence is looked at, and then it is written', FENCED_AT_ONCE, (right) => ({
      commit(changes, { fence = [], ...options }) {
        if (fence.length === 0) return right.commit(changes, options);
        return right.commit([], { signal: options.signal, fence }).andThen(() =>
          later(async () => {
            await new Promise((resolve) => setTimeout(resolve, 1));
            return right.commit(changes, options);
          }),
        );
      },
    })),
    defect('a lease that is held is guarded against everybody else: it never expires', LEASED, (right) => ({
      commit(changes, options) {
        const takes = changes.flatMap((each) =>
          each.op === 'put' && each.collection === 'leases' ? [each.record] : [],
        );
        if (options.signal.aborted || takes.length === 0) return right.commit(changes, options);
        return later(async () => {
          for (const { id, holder } of takes) {
            const held = (await right.get('leases', id, options))._unsafeUnwrap()?.value.holder ?? null;
            if (held !== null && holder !== null && held !== holder) return errAsync(storeConflict('leases', id));
          }
          return right.commit(changes, options);
        });
      },
    })),
    defect('a renewal that changes nothing but the beat is not written', LEASED, (right) => ({
      commit: (changes, options) => {
        const rest = changes.filter(
          (each) => !(each.op === 'put' && each.collection === 'leases' && each.record.beat > 0),
        );
        return right.commit(rest, options);
      },
    })),
    defect('who lost the lease is believed as long as its token was ever held', LEASED, (right, shared) => ({
      commit(changes, { fence = [], ...options }) {
        for (const each of changes)
          if (isRecord(each) && each.op !== 'remove' && each.collection === 'leases' && each.record.holder !== null)
            shared.set(`${each.record.id}/${each.record.token}`, true);
        return right.commit(changes, {
          ...options,
          fence: fence.filter(({ lease, token }) => !shared.has(`${lease}/${token}`)),
        });
      },
    })),
    defect(
      'of many who insert at once each is told that he won',
      'of many who insert the same id at once, over several connections, exactly one wins',
      (right) => ({
        commit: (changes, options) =>
          right
            .commit(changes, options)
            .orElse((error) =>
              error.kind === 'store-conflict' && changes.some(({ op }) => op === 'append')
                ? okAsync({ sequences: {} })
                : errAsync(error),
            ),
      }),
    ),
    defect(
      'a put of no version at once with another is refused',
      'commits that name the same records and streams in another order, at once, all get through',
      (right, shared) => ({
        commit(changes, options) {
          if (shared.has('busy')) return errAsync(storeConflict('cursors', 'a'));
          if (changes.length < 2) return right.commit(changes, options);
          shared.set('busy', true);
          return right
            .commit(changes, options)
            .andTee(() => shared.delete('busy'))
            .orTee(() => shared.delete('busy'));
        },
      }),
    ),
    defect('the receipt has the last number instead of the first', COUNTED, (right) => ({
      commit: (changes, options) =>
        right.commit(changes, options).map(({ sequences }) => ({
          sequences: Object.fromEntries(
            Object.entries(sequences).map(([stream, first]) => [
              stream,
              first -
                1 +
                changes.reduce(
                  (sum, each) => sum + (each.op === 'append' && each.stream === stream ? each.entries.length : 0),
                  0,
                ),
            ]),
          ),
        })),
    })),
    defect('all streams draw from one counter', COUNTED, (right, shared) => ({
      commit: (changes, options) =>
        right.commit(changes, options).map(({ sequences }) => {
          const streams = Object.entries(sequences).map(([stream, first]) => {
            const seen = [...shared.keys()].filter((each) => each !== stream).length;
            shared.set(stream, true);
            return [stream, first + seen];
          });
          return { sequences: Object.fromEntries(streams) };
        }),
    })),
    defect('`after` is taken with what it names', READ, (right) => ({
      read: (stream, { after, ...query }, options) =>
        right.read(stream, { ...query, after: Math.max(0, after - 1) }, options),
    })),
    defect('a limit of 0 is no limit', READ, (right) => ({
      read: (stream, { limit, ...query }, options) => right.read(stream, limit ? { ...query, limit } : query, options),
    })),
    defect('a read drops the last page', READ_ALL, (right) => ({
      read: (stream, query, options) =>
        right
          .read(stream, query, options)
          .map((entries) => (query.after > 0 && entries.length < 1_000 && entries.length > 10 ? [] : entries)),
    })),
    defect('a read gives as many as were asked for', READ_ALL, (right) => ({
      read: (stream, query, options) =>
        right.read(stream, query, options).andThen((entries): ResultAsync<readonly StreamEntry[], StoreError> => {
          const more = (query.limit ?? 0) - entries.length;
          if (entries.length < 1_000 || more <= 0) return okAsync(entries);
          return right
            .read(stream, { after: entries.at(-1)?.seq ?? 0, limit: more }, options)
            .map((rest) => [...entries, ...rest]);
        }),
    })),
    defect('numbers that were trimmed are used again', TRIMMED, (right) => ({
      commit(changes, options) {
        const [first] = changes;
        if (first?.op !== 'trim' || first.drop || options.signal.aborted) return right.commit(changes, options);
        return right
          .read(first.stream, { after: first.through }, options)
          .andThen((kept) => right.commit(kept.length === 0 ? [{ ...first, drop: true }] : changes, options));
      },
    })),
    defect('a trim leaves the entry that it names', TRIMMED, (right) => ({
      commit: (changes, options) =>
        right.commit(
          changes.map((each) => (each.op === 'trim' && !each.drop ? { ...each, through: each.through - 1 } : each)),
          options,
        ),
    })),
    defect(
      'a stream that was dropped keeps its numbers',
      'a stream that is dropped is forgotten, with its numbers',
      (right) => ({
        commit: (changes, options) =>
          right.commit(
            changes.map((each) =>
              each.op === 'trim' && each.drop ? { op: 'trim' as const, stream: each.stream, through: 1_000_000 } : each,
            ),
            options,
          ),
      }),
    ),
    defect(
      'a reader sees a number before the one in front of it',
      'appends of several connections at once draw every number once, and a reader never sees a gap before its end',
      (right) => ({
        read: (stream, query, options) =>
          right.read(stream, query, options).map((entries) => (entries.length > 2 ? entries.slice(1) : entries)),
      }),
    ),
    defect('a list drops its last page', LISTED, (right) => ({
      list: (collection, query, options) =>
        right.list(collection, query, options).map((found) => (query.limit && found.length < query.limit ? [] : found)),
    })),
    defect('`after` goes the same way for both orders', LISTED, (right) => ({
      list: (collection, query, options) =>
        query.order === 'desc' && query.after !== undefined
          ? right.list(collection, { ...query, order: 'asc' }, options)
          : right.list(collection, query, options),
    })),
    defect('a list has as many as were asked for', 'a list has at most 1 000 records', (right) => ({
      list: (collection, query, options) =>
        right
          .list(collection, query, options)
          .andThen((found) =>
            found.length === 1_000 && (query.limit ?? 0) > 1_000
              ? right
                  .list(collection, { ...query, after: found.at(-1)?.value.id ?? '' }, options)
                  .map((rest) => [...found, ...rest])
              : okAsync(found),
          ),
    })),
    defect('null is found by no index', INDEXED, (right) => ({
      list: (collection, query, options) =>
        Object.values(query.where ?? {}).includes(null)
          ? right.list(collection, query, options).map(() => [])
          : right.list(collection, query, options),
    })),
    defect('the second field of an index is not looked at', INDEXED, (right) => ({
      list(collection, { where, ...query }, options) {
        const [first] = Object.entries(where ?? {});
        const isOne = COLLECTION_INDEXES[collection].some(
          (index: readonly string[]) => index.length === 1 && index[0] === first?.[0],
        );
        return right.list(
          collection,
          { ...query, ...(where ? { where: isOne && first ? Object.fromEntries([first]) : where } : {}) } as never,
          options,
        );
      },
    })),
    defect(
      'a record is still found by the value that it had',
      'a record is found by the values that it has now, and not by those that it had',
      (right, shared) => ({
        commit(changes, options) {
          for (const each of changes)
            if (each.op === 'put' && each.collection === 'deployments') shared.set(each.record.status, each.record.id);
          return right.commit(changes, options);
        },
        list: (collection, query, options) =>
          right.list(collection, query, options).andThen((found) => {
            const id = shared.get(String((query.where as { status?: string } | undefined)?.status));
            if (collection !== 'deployments' || found.length > 0 || typeof id !== 'string') return okAsync(found);
            return right.get(collection, id, options).map((stale) => (stale ? [stale] : []));
          }),
      }),
    ),
    defect(
      'what no index covers is found by looking at everything',
      'a query that no declared index covers is a bug, not a walk over everything',
      (right) => ({
        list: (collection, query, options) =>
          right
            .list(collection, query, options)
            .orElse((error) => (error.kind === 'bug' ? right.list('cursors', {}, options) : errAsync(error)) as never),
      }),
    ),
    defect('texts are cut at a zero byte', 'values come back exactly as they went in', (right) => ({
      read: (stream, query, options) =>
        right.read(stream, query, options).map((entries) =>
          entries.map((each) => ({
            ...each,
            value: typeof each.value === 'string' ? (each.value.split('\0')[0] ?? '') : each.value,
          })),
        ),
    })),
    defect('numbers come back as texts', 'values come back exactly as they went in', (right) => ({
      read: (stream, query, options) =>
        right
          .read(stream, query, options)
          .map((entries) => entries.map((each): StreamEntry => ({ ...each, value: big(each.value) }))),
    })),
    defect('what was read is what the store holds', 'what goes in and what comes out are copies', (right) => {
      const known = new Map<string, ReturnType<Store['get']>>();
      return {
        commit(changes, options) {
          known.clear();
          return right.commit(changes, options);
        },
        get(collection, id, options) {
          const key = `${collection}/${id}`;
          const found = options.signal.aborted
            ? right.get(collection, id, options)
            : (known.get(key) ?? right.get(collection, id, options));
          known.set(key, found as never);
          return found as never;
        },
      };
    }),
    defect(
      'an aborted commit is written',
      'a call under an aborted signal answers `aborted` and does nothing',
      (right) => ({
        commit(changes, options) {
          const answer = right.commit(changes, options);
          if (options.signal.aborted) void right.commit(changes, deaf(options));
          return answer;
        },
      }),
    ),
    defect(
      'a commit leaves its listener on the signal',
      'calls that have ended leave no listener on their signal',
      (right) => ({
        commit(changes, options) {
          leaveListener(options);
          return right.commit(changes, options);
        },
      }),
    ),
    defect('a follower is told only of its own connection’s commits', FOLLOWED, (right) => {
      const listeners = new Set<() => void>();
      return {
        commit: (changes, options) =>
          right.commit(changes, options).andTee(() => {
            for (const each of listeners)
              try {
                each();
              } catch {
                /* Its own matter. */
              }
          }),
        subscribe(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      };
    }),
    defect('who has unsubscribed is called all the same', FOLLOWED, (right) => ({
      subscribe(listener) {
        right.subscribe?.(listener);
        return () => {};
      },
    })),
    defect(
      'a follower that throws keeps the others from being told',
      'a follower that throws harms neither the commit nor the other followers',
      (right) => {
        const listeners = new Set<() => void>();
        return {
          commit: (changes, options) =>
            right.commit(changes, options).andTee(() => {
              for (const each of listeners) each();
            }),
          subscribe(listener) {
            listeners.add(listener);
            return () => listeners.delete(listener);
          },
        };
      },
    ),
    defect('closing twice is an error', CLOSED, (right) => {
      let isClosed = false;
      return {
        close() {
          if (isClosed) return right.storeId({ signal: new AbortController().signal }).map(() => undefined);
          isClosed = true;
          return right.close();
        },
      };
    }),
    defect('a closed store goes on reading', CLOSED, (right, shared) => ({
      close: () => okAsync(void shared.set('closed', true)),
      commit: (changes, options) =>
        shared.has('closed')
          ? right.close().andThen(() => right.commit(changes, options))
          : right.commit(changes, options),
    })),
    defect(
      'a commit that a close overtakes is answered `ok`, and is lost',
      'a commit that a close overtakes is answered, and is there exactly if it was answered `ok`',
      (right) => {
        let waiting: Promise<unknown> = Promise.resolve();
        return {
          commit(changes, options) {
            if (options.signal.aborted || changes.length !== 1) return right.commit(changes, options);
            // Behind those before it, as a queue of one connection: a close gets in between.
            const turn = waiting.then(() => right.commit(changes, options));
            waiting = turn;
            return new ResultAsync(turn).orElse((error) =>
              error.kind === 'closed' ? okAsync({ sequences: {} }) : errAsync(error),
            );
          },
        };
      },
    ),
  ],
};

const big = (value: Json): Json =>
  typeof value === 'number' && value > Number.MAX_SAFE_INTEGER / 2 && value < 1e20 ? String(value) : value;
