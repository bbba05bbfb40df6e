import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DeploymentRecord, type InstanceRecord, isTerminal } from '../domain/records.js';
import type { Keep } from '../domain/spec.js';
import { FORGOTTEN_AFTER_MS, historyJudge, imageJudge, planExpiry, type StageNeeds } from './plan.js';

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const id = (index: number): string => `d${String(index).padStart(4, '0')}`;

const bound = fc.record({ count: fc.nat(12), ageMs: fc.option(fc.integer({ min: 0, max: 40 * DAY_MS })) });
const keeps: fc.Arbitrary<Keep> = fc.record({ history: bound, logs: bound, images: bound });

/** A stage's deployments, oldest first: each ended after the one before, some still open, some pointing to older ones. */
const histories = fc
  .array(
    fc.record({
      status: fc.constantFrom('succeeded', 'unchanged', 'failed', 'cancelled', 'queued', 'running', 'rolling-back'),
      cleanup: fc.constantFrom('none', 'none', 'done', 'pending'),
      pauseMs: fc.integer({ min: 0, max: 10 * DAY_MS }),
      back: fc.nat(8),
      hasLog: fc.boolean(),
    }),
    { maxLength: 25 },
  )
  .map((drawn) => {
    let agoMs = drawn.reduce((sum, { pauseMs }) => sum + pauseMs, 0);
    return drawn.map(({ status, cleanup, back, pauseMs, hasLog }, index) => {
      agoMs -= pauseMs;
      const older = id(Math.max(0, index - back));
      const isEnded = !['queued', 'running', 'rolling-back'].includes(status);
      const left = status === 'succeeded' || status === 'unchanged';
      return {
        ...{ id: id(index), status, cleanup: isEnded ? cleanup : 'none', endedAt: isEnded ? NOW - agoMs : null },
        ...{ instance: left ? older : null, request: isEnded ? {} : { rollBackTo: older } },
        ...(hasLog ? {} : { logPrunedAt: 1 }),
      } as unknown as DeploymentRecord;
    });
  });

const needsOf = (size: number): fc.Arbitrary<StageNeeds> => {
  const some = fc.option(fc.nat(Math.max(0, size)).map(id));
  return fc.record({
    stage: fc.option(fc.record({ current: some, currentDeployment: some, previous: some }), { nil: undefined }),
    instances: fc.array(fc.record({ id: fc.nat(size).map(id) }), { maxLength: 3 }),
    unsettled: fc.array(fc.nat(size).map(id), { maxLength: 2 }),
    hasRoutes: fc.boolean(),
  });
};
const stages = histories.chain((history) =>
  fc.record({ history: fc.constant(history), needs: needsOf(history.length), keep: keeps }),
);

function verdicts(history: readonly DeploymentRecord[], needs: StageNeeds, keep: Keep, now = NOW) {
  const { judge } = historyJudge(needs, keep, now);
  return new Map([...history].reverse().map((each) => [each.id, judge(each)] as const));
}

describe('what of a history goes', () => {
  it('is nothing that runs, retires, is rolled back to, is open, or that one that stays is from', () => {
    fc.assert(
      fc.property(stages, ({ history, needs, keep }) => {
        const found = verdicts(history, needs, keep);
        const goes = (wanted: string | null | undefined) => wanted != null && found.get(wanted) === 'goes';
        for (const each of [needs.stage?.current, needs.stage?.currentDeployment, needs.stage?.previous])
          expect(goes(each)).toBe(false);
        for (const each of needs.instances) expect(found.get(each.id) ?? 'stays').toBe('stays');
        for (const each of needs.unsettled) expect(found.get(each) ?? 'stays').toBe('stays');
        for (const each of history) {
          if (!isTerminal(each.status) || each.cleanup === 'pending') expect(found.get(each.id)).toBe('stays');
          if (!isTerminal(each.status)) expect(goes(each.request.rollBackTo)).toBe(false);
          if (!goes(each.id)) expect(goes(each.instance)).toBe(false);
          if (each.logPrunedAt !== undefined) expect(found.get(each.id)).not.toBe('log-goes');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves no more than the bound, what is needed, and what those are from', () => {
    fc.assert(
      fc.property(stages, ({ history, needs, keep }) => {
        const found = verdicts(history, needs, keep);
        const staying = history.filter((each) => found.get(each.id) !== 'goes');
        const open = history.filter((each) => !isTerminal(each.status) || each.cleanup === 'pending').length;
        const needed = 3 + needs.instances.length + [...needs.unsettled].length + 2 * open;
        expect(staying.length).toBeLessThanOrEqual(2 * (keep.history.count + needed));
        const silent = [...found.values()].filter((verdict) => verdict === 'stays').length;
        const logless = history.filter(
          (each) => each.logPrunedAt !== undefined && found.get(each.id) === 'stays',
        ).length;
        expect(silent - logless).toBeLessThanOrEqual(keep.logs.count + needed);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is nothing that is within count and age, where something is deployed', () => {
    fc.assert(
      fc.property(stages, ({ history, needs, keep }) => {
        const found = verdicts(history, { ...needs, hasRoutes: true }, keep);
        const ended = history.filter(({ status }) => isTerminal(status)).reverse();
        for (const [place, { id: own, endedAt, logPrunedAt }] of ended.entries()) {
          const ageMs = NOW - (endedAt ?? NOW);
          const isWithin = ({ count, ageMs: most }: Keep['logs']) => place < count && (most === null || ageMs <= most);
          if (isWithin(keep.history)) expect(found.get(own)).not.toBe('goes');
          if (isWithin(keep.history) && isWithin(keep.logs)) expect(found.get(own)).toBe('stays');
          else if (logPrunedAt === undefined && isWithin(keep.history)) expect(found.get(own)).not.toBe('goes');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('is the same until the time that was said, and does not come back after it went', () => {
    fc.assert(
      fc.property(stages, fc.nat(60 * DAY_MS), ({ history, needs, keep }, laterMs) => {
        const history_ = historyJudge(needs, keep, NOW);
        const first = new Map([...history].reverse().map((each) => [each.id, history_.judge(each)] as const));
        const { until } = history_;
        const at = until === null ? NOW : Math.min(until, NOW + laterMs);
        expect(verdicts(history, needs, keep, at)).toEqual(first);
        const rest = history
          .filter((each) => first.get(each.id) !== 'goes')
          .map((each) => (first.get(each.id) === 'log-goes' ? { ...each, logPrunedAt: NOW } : each));
        expect([...verdicts(rest, needs, keep).values()].filter((verdict) => verdict === 'log-goes')).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is exactly what is beyond the count or older than the age, and what is not settled has no time', () => {
    const failed = (index: number, more: object = {}) =>
      ({
        ...{ id: id(index), status: 'failed', cleanup: 'none', endedAt: NOW - 10 + index, instance: null, request: {} },
        ...more,
      }) as unknown as DeploymentRecord;
    const history = [0, 1, 2, 3, 4].map((index) => failed(index));
    const needs: StageNeeds = { stage: undefined, instances: [], unsettled: [], hasRoutes: true };
    const keep: Keep = {
      history: { count: 4, ageMs: 8 },
      logs: { count: 2, ageMs: null },
      images: { count: 1, ageMs: null },
    };
    const judged = (of: readonly DeploymentRecord[]) => {
      const judge = historyJudge(needs, keep, NOW);
      return [of.map((each) => judge.judge(each)), judge.until];
    };
    const newest = [...history].reverse();
    expect(judged(newest)).toEqual([['stays', 'stays', 'log-goes', 'goes', 'goes'], NOW]);
    expect(judged([failed(5, { cleanup: 'pending' }), ...newest])[1]).toBe(null);
    expect(judged([failed(5, { status: 'queued', endedAt: null }), ...newest])[1]).toBe(null);
  });

  it('is all of a stage on which nothing is deployed any more, a month after its last one, and not sooner', () => {
    const history = [0, 1, 2].map((index) => ({
      ...{ id: id(index), status: 'failed', cleanup: 'none', endedAt: NOW - FORGOTTEN_AFTER_MS + index - 2 },
      ...{ instance: null, request: {} },
    })) as unknown as DeploymentRecord[];
    const needs: StageNeeds = { stage: undefined, instances: [], unsettled: [], hasRoutes: false };
    const keep = {
      ...{ history: { count: 5, ageMs: null }, logs: { count: 5, ageMs: null } },
      images: { count: 5, ageMs: null },
    };
    const of = (now: number, more: Partial<StageNeeds> = {}, bounds: Keep = keep) => [
      ...verdicts(history, { ...needs, ...more }, bounds, now).values(),
    ];
    expect(of(NOW)).toEqual(['stays', 'stays', 'stays']);
    expect(of(NOW + 1)).toEqual(['goes', 'goes', 'goes']);
    expect(of(NOW + 1, { hasRoutes: true })).toEqual(['stays', 'stays', 'stays']);
    expect(of(NOW + 1, { instances: [{ id: 'x' }] })).toEqual(['stays', 'stays', 'stays']);
    const longer = { ...keep, history: { count: 5, ageMs: 2 * FORGOTTEN_AFTER_MS } };
    expect(of(NOW + 1, {}, longer)).toEqual(['stays', 'stays', 'stays']);
  });
});

describe('whose image stays', () => {
  it('is that of the newest so many, of those that are not too old', () => {
    const judge = imageJudge({ count: 3, ageMs: DAY_MS }, NOW);
    expect([NOW, NOW - DAY_MS, NOW - DAY_MS - 1, NOW].map((endedAt) => judge({ endedAt }))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    const all = imageJudge({ count: 2, ageMs: null }, NOW);
    expect([0, 0, 0].map((endedAt) => all({ endedAt }))).toEqual([true, true, false]);
    expect(imageJudge({ count: 0, ageMs: null }, NOW)({ endedAt: NOW })).toBe(false);
  });
});

describe('what expires', () => {
  type Known = Pick<InstanceRecord, 'id' | 'state' | 'expiresAt'> & { readonly isHere: boolean };
  const instances: fc.Arbitrary<readonly Known[]> = fc.uniqueArray(
    fc.record({
      id: fc.nat(9).map(id),
      state: fc.constantFrom('running', 'retiring'),
      expiresAt: fc.option(fc.constantFrom(NOW - 1, NOW, NOW + 1)),
      isHere: fc.boolean(),
    }),
    { selector: (each) => each.id, maxLength: 6 },
  );
  const drawn = fc.record({
    instances,
    current: fc.option(fc.nat(9).map(id)),
    pinned: fc.array(fc.nat(9).map(id)).map((pins) => new Set(pins)),
    isPreview: fc.boolean(),
    now: fc.constant(NOW),
    isHere: fc.constant((each: Known) => each.isHere),
  });

  it('is over, ours and not pinned, and the current one only with all that its preview has', () => {
    fc.assert(
      fc.property(drawn, (input) => {
        const { going, isWhole } = planExpiry(input);
        const over = (each: Known) => each.expiresAt !== null && each.expiresAt <= NOW;
        for (const each of going) {
          expect([each.state, each.isHere, input.pinned.has(each.id)]).toEqual(['running', true, false]);
          if (!isWhole) expect([over(each), each.id === input.current]).toEqual([true, false]);
        }
        const running = input.instances.filter(({ state }) => state === 'running');
        const current = running.find((each) => each.id === input.current);
        const isFree = running.every((each) => each.isHere && !input.pinned.has(each.id));
        expect(isWhole).toBe(input.isPreview && current !== undefined && over(current) && isFree);
        if (isWhole) expect(going).toEqual(running);
        const others = running.filter((each) => each !== current && over(each) && each.isHere);
        for (const each of others) if (!input.pinned.has(each.id)) expect(going).toContain(each);
      }),
      { numRuns: 2_000 },
    );
  });
});
