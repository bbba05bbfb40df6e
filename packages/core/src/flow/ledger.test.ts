/** One deployment's commits, over a store that takes its time and loses answers. */
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { outage } from '../testing/index.js';
import { openedLedger as opened, signal } from './testbed.js';

const identities = { runtime: 'engine-1', proxy: null };
const entry = { step: 'create', version: 1, state: 'done' as const, intent: {} };

describe('the ledger', () => {
  it('keeps what is noted while a commit is under way for the next one', async () => {
    const { clock, faulty, ledger, lease, kept, journal } = await opened();
    faulty.inject('commit', { kind: 'slow', ms: 100, when: 'after' });
    ledger.log('info', 'on its way');
    const begun = { id: 'd1', stageKey: 's', entries: [{ ...entry, state: 'open' as const }], identities };
    ledger.note({ journal: begun });
    await clock.advance(50);
    ledger.note({ record: { digest: 'sha256:1', identities }, journal: { ...begun, entries: [entry] } });
    await clock.advance(200);
    expect(ledger.record).toMatchObject({ digest: 'sha256:1', identities });
    await clock.until(unwrap(ledger.commit({ record: { left: ['x'] } })));
    expect(await kept()).toMatchObject({ digest: 'sha256:1', identities, left: ['x'] });
    expect(await journal()).toMatchObject({ entries: [entry] });
    await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['fail-before', { kind: 'fail-before' }],
    ['fail-after', { kind: 'fail-after' }],
    ['hang before', { kind: 'hang', when: 'before' }],
    ['hang after', { kind: 'hang', when: 'after' }],
    ['throw', { kind: 'throw' }],
  ] as const)('a commit whose answer is lost (%s) is in the store once', async (_name, fault) => {
    const { clock, faulty, ledger, lease, kept, log, events } = await opened();
    ledger.log('info', 'one');
    faulty.inject('commit', fault);
    faulty.inject('get', { kind: 'fail-before' }, 2);
    const event = { type: 'notifier.added' as const, payload: { notifier: 'x' } };
    const committed = ledger.commit({ record: { left: ['y'] }, events: () => [event] });
    ledger.log('info', 'two');
    await clock.until(unwrap(committed));
    await clock.advance(1_000);
    expect(await log()).toEqual(['one', 'two']);
    expect(await events()).toBe(1);
    expect(await kept()).toMatchObject({ left: ['y'] });
    await ledger.close();
    await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });

  it('writes every entry before the end, however many there are, and none after it', async () => {
    const { clock, ledger, lease, log } = await opened();
    for (let index = 0; index < 900; index += 1) ledger.log('info', `entry ${index}, hunter2-secret`);
    await clock.until(unwrap(ledger.commitFreeing([lease], { record: { status: 'succeeded' } })));
    ledger.log('info', 'late');
    await ledger.close();
    const lines = await log();
    expect(lines).toHaveLength(900);
    expect(lines.at(-1)).toBe('entry 899, ***');
    expect(clock.pending).toBe(0);
  });

  it('waits for a store that is away for a while and has refused a commit, as long as the lease lasts', async () => {
    const { clock, faulty, ledger, lease, kept } = await opened();
    const away = { ...outage.store, outcome: 'refused' as const };
    faulty.inject('commit', { kind: 'fail-before', error: away }, 4);
    await clock.until(unwrap(ledger.commit({ record: { left: ['x'] } })));
    expect(clock.monotonicMs()).toBeLessThan(1_000);
    expect(await kept()).toMatchObject({ left: ['x'] });
    faulty.inject('commit', { kind: 'fail-before', error: away }, 1_000);
    const refused = await clock.until(ledger.commit({ record: { left: ['y'] } }));
    expect(refused._unsafeUnwrapErr().kind).toBe('store-unavailable');
    expect(clock.monotonicMs()).toBeLessThan(32_000);
    await ledger.close();
    await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });

  it('asks a store that is closed no further: nothing is waited for after that', async () => {
    const { clock, faulty, ledger, lease, ended } = await opened();
    faulty.inject('commit', { kind: 'hang', when: 'before', ignoresSignal: true });
    const committed = ledger.commit({ record: { left: ['x'] } });
    await clock.advance(100);
    ended.abort(new Error('the deployer is closed'));
    const closed = await clock.until(committed);
    expect(closed._unsafeUnwrapErr().kind).toBe('closed');
    await ledger.close();
    await lease.release({ signal: signal() });
    expect(clock.monotonicMs()).toBeLessThan(1_200);
    expect(clock.pending).toBe(0);
  });

  it('writes nothing once the lease is somebody else’s', async () => {
    const { clock, store, ledger, lease, kept } = await opened();
    const taken = await unwrap(store.get('leases', 'stage:s', { signal: signal() }));
    if (!taken) throw new Error('no lease');
    await unwrap(
      store.commit(
        [{ op: 'put', collection: 'leases', record: { ...taken.value, holder: 'b', token: taken.value.token + 1 } }],
        {
          signal: signal(),
        },
      ),
    );
    const refused = await clock.until(ledger.commit({ record: { left: ['z'] } }));
    expect(refused._unsafeUnwrapErr().kind).toBe('lease-lost');
    expect((await kept())?.left).toEqual([]);
    lease.released();
    await ledger.close();
  });

  it('keeps and renews the leases of a commit that fails', async () => {
    const { clock, store, ledger, lease } = await opened();
    const other = { op: 'put', collection: 'stages', record: { id: 'nowhere' } as never, version: 7 } as const;
    const failed = await clock.until(ledger.commitFreeing([lease], { changes: [other] }));
    expect(failed._unsafeUnwrapErr().kind).toBe('store-conflict');
    await clock.advance(120_000);
    expect(lease.lost.aborted).toBe(false);
    const stored = await unwrap(store.get('leases', 'stage:s', { signal: signal() }));
    expect(stored?.value).toMatchObject({ holder: 'a', token: lease.fence.token });
    expect(stored?.value.beat).toBeGreaterThan(8);
    await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });
});
