/**
 * `recover()`: compares what the store says was begun with the engine and the proxy. What had not committed is rolled back, what had is
 * finished. It may be killed at any point, and run again: all that it knows is in the store.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, aborted } from '../domain/errors.js';
import type { TaskRecord } from '../domain/records.js';
import type { RecoveryReport } from '../domain/reports.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import { markElsewhere } from './elsewhere.js';
import { lookAtInstances } from './instances.js';
import { identitiesOf, settleStages } from './stages.js';
import { findUnowned } from './unowned.js';

/** The tasks that others have left, and who does them. */
export interface LeftTasks {
  /** Takes these up. */
  takeUp(signal: AbortSignal, wanted: (task: TaskRecord) => boolean): ResultAsync<readonly TaskRecord[], AnyError>;
  /** Of these, those that are done, when each was tried once. */
  tried(tasks: readonly TaskRecord[], signal: AbortSignal): Promise<readonly TaskRecord[]>;
}

/** What is to be finished in the world, an undo apart: that is for whoever settles its stage. */
const isLeftover = ({ kind }: TaskRecord): boolean => ['retire', 'unroute', 'hold'].includes(kind);

/** All of it, waiting for those of whom nobody can tell yet whether they live. */
export function recover(host: Host, tasks: LeftTasks, signal: AbortSignal): ResultAsync<RecoveryReport, AnyError> {
  return routine(async function* () {
    // Beside each other: whatever a dead host has held runs out at the same time.
    const finishing = tasks.takeUp(signal, isLeftover).map((taken) => tasks.tried(taken, signal));
    const { blind, ...stages } = yield* settleStages(host, { waits: true, all: true }, signal);
    const finished = (yield* finishing).map(({ id, kind, subject }) => ({ task: id, kind, subject }));
    // An undo that is tried by its task would have been in the way of the settling of its stage.
    yield* tasks.takeUp(signal, (task) => !isLeftover(task));
    if (signal.aborted) return err(aborted('The recovery', signal.reason));
    const identities = await identitiesOf(host, blind, signal);
    const elsewhere = identities ? yield* markElsewhere(host, identities, signal) : [];
    const seen = yield* lookAtInstances(host, blind, signal);
    const stray = yield* findUnowned(host, signal);
    const unowned = {
      containers: stray.containers.map(({ name }) => name),
      routes: stray.routes.map(({ domain }) => domain),
    };
    blind.push(...stray.blind);
    const needsHost = [...stages.needsHost, ...elsewhere];
    const said = blind.map((text) => host.secrets.wideRedactor().text(text));
    const report: RecoveryReport = { ...stages, ...seen, finished, needsHost, unowned, blind: said };
    host.hub.emit('recovery.finished', { report });
    return ok<RecoveryReport, AnyError>(report);
  });
}

/** Who has made a task does it when it is due, so long as it lives. */
const LATE_MS = 10_000;
/** Nothing is put off for longer than ten minutes: the clock of who did was ahead. */
const SKEWED_MS = 660_000;

/** What is done of it at each beat: only what is known to be dead by now, and what its own tasks do not try again anyway. */
export function sweep(host: Host, tasks: Pick<LeftTasks, 'takeUp'>, signal: AbortSignal): ResultAsync<void, AnyError> {
  const isLate = ({ kind, dueAt }: TaskRecord) => {
    const lateMs = host.clock.now() - dueAt;
    return lateMs >= LATE_MS || (kind !== 'notify' && lateMs <= -SKEWED_MS);
  };
  return tasks
    .takeUp(signal, isLate)
    .andThen(() => settleStages(host, { waits: false, all: false }, signal).map(() => undefined));
}
