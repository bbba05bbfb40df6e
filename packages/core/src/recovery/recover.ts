/**
 * `recover()`: compares what the store says was begun with the engine and the proxy. What had not committed is rolled back, what had is
 * finished. It may be killed at any point, and run again: all that it knows is in the store.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { RecoveryReport } from '../domain/reports.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import { markElsewhere } from './elsewhere.js';
import { identitiesOf, settleStages } from './stages.js';
import { findUnowned } from './unowned.js';

/** Hands the tasks that others have left to whoever does them. */
export type TakeUp = (signal: AbortSignal) => ResultAsync<void, AnyError>;

/** All of it, waiting for those of whom nobody can tell yet whether they live. */
export function recover(host: Host, takeUp: TakeUp, signal: AbortSignal): ResultAsync<RecoveryReport, AnyError> {
  return routine(async function* () {
    const { blind, ...stages } = yield* settleStages(host, { waits: true, all: true }, signal);
    // Only now: an undo that is tried by its task would be in the way of the settling of its stage.
    yield* takeUp(signal);
    const identities = await identitiesOf(host, blind, signal);
    const elsewhere = identities ? yield* markElsewhere(host, identities, signal) : [];
    const stray = yield* findUnowned(host, signal);
    const unowned = {
      containers: stray.containers.map(({ name }) => name),
      routes: stray.routes.map(({ domain }) => domain),
    };
    blind.push(...stray.blind);
    const needsHost = [...stages.needsHost, ...elsewhere];
    const report: RecoveryReport = { ...stages, needsHost, healed: [], lost: [], unowned, blind };
    host.hub.emit('recovery.finished', { report });
    return ok<RecoveryReport, AnyError>(report);
  });
}

/** What is done of it at each beat: only what is known to be dead by now, and what its own tasks do not try again anyway. */
export function sweep(host: Host, takeUp: TakeUp, signal: AbortSignal): ResultAsync<void, AnyError> {
  return takeUp(signal).andThen(() => settleStages(host, { waits: false, all: false }, signal).map(() => undefined));
}
