/**
 * Putting a route. The API says 201 to a configuration that nginx refused (and a refused update takes the working route down),
 * 500 to a change that it kept, and nothing at all to one that worked: so every answer is checked against what there is
 * afterwards, and what cannot be had is taken back at once.
 */
import { aborted, type ProxyError, pause } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Certificates } from '../api/certificates.js';
import type { ApiFault, Limits } from '../api/client.js';
import type { About, Host, HostFields, Hosts } from '../api/hosts.js';
import { type Aftermath, backendFailed, domainTaken, nginxRefused } from '../errors.js';
import type { FrontDoor, Serving } from '../front-door/front-door.js';
import { certificateFor } from './certificate.js';
import { holdWord } from './hold.js';
import { labelOf, nginxError, nginxState } from './ours.js';
import { fieldsBefore, fieldsOf, holdsAlready, type Wish } from './wish.js';

export interface Work {
  readonly hosts: Hosts;
  readonly certificates: Certificates;
  /** How long the product may take to get a certificate. */
  readonly certificateTimeoutMs: number;
  readonly frontDoor: FrontDoor;
  readonly limits: Limits;
  /** Whether the caller still wants it: asked before the first change, and never after. */
  isWanted(): boolean;
}

/** How long the front door may take to show a change whose answer was lost. */
const SHOWN_WITHIN_MS = 1_500;
/**
 * How long nginx may take to read a change that was answered; 0.1 s, under load more. It reads all files: one that the next change is just about
 * to write would be missing, and its visitors would get the default page until nginx reads again.
 */
const READ_WITHIN_MS = 1_000;
const READ_LOOK_MS = 20;

export async function putRoute(asked: Wish, work: Work): Promise<Result<void, ProxyError>> {
  const { domain, mark } = asked;
  const about = { what: `Putting ${domain}`, domain };
  const found = await work.hosts.find(domain, about, work.limits);
  if (found.isErr()) return err(errorOf(found.error, about));
  const held = found.value;
  if (held && labelOf(held)?.mark !== mark) {
    return err(domainTaken(domain, labelOf(held) ? 'it carries another mark' : `proxy host ${held.id} has it`));
  }
  if (!work.isWanted()) return err({ ...aborted(about.what), outcome: 'refused' });
  const wished = await withCertificate(asked, held, work, about);
  if (wished.isErr()) return err(wished.error);
  const wish = wished.value;
  const fields = fieldsOf(wish, held);
  // What the record says may not be what nginx runs: a change that was answered with 500 was recorded all the same.
  if (held && holdsAlready(held, fields) && (await isServed(wish, work, 0))) return ok(undefined);
  if (!work.isWanted()) return err({ ...aborted(about.what), outcome: 'refused' });
  const done = await (held ? update(wish, held, fields, about, work) : create(wish, fields, about, work));
  // Whether it is what was wished is the proof's to say.
  if (done.isOk()) await untilRead(wish, work);
  return done;
}

async function withCertificate(
  wish: Wish,
  held: Host | undefined,
  work: Work,
  about: About,
): Promise<Result<Wish, ProxyError>> {
  if (wish.options.certificate !== 'request') return ok(wish);
  const found = await certificateFor(wish.domain, held, work, about);
  return found.map((certificate) => ({ ...wish, options: { ...wish.options, certificate } }));
}

// --- a new one --------------------------------------------------------------------------------------------------------

async function create(wish: Wish, fields: HostFields, about: About, work: Work): Promise<Result<void, ProxyError>> {
  const { hosts, limits } = work;
  for (let attempt = 1; ; attempt += 1) {
    const created = await hosts.create(fields, about, limits);
    if (created.isOk()) {
      // The reply was written before nginx was asked: whether it took the configuration stands in the record.
      const recorded = await hosts.get(created.value.id, about, limits);
      if (recorded.isErr()) return err(unknownOutcome(errorOf(recorded.error, about)));
      return nginxState(recorded.value) === 'refused' ? takeBack(recorded.value, about, work) : ok(undefined);
    }
    const fault = created.error;
    if (fault.kind !== 'in-use' && fault.kind !== 'unclear') return err(errorOf(fault, about));

    // It may have worked: look before creating again.
    const found = await hosts.find(wish.domain, about, limits);
    if (found.isErr()) return err(unknownOutcome(errorOf(fault, about)));
    const there = found.value;
    if (there && labelOf(there)?.mark === wish.mark) {
      if (fault.kind === 'unclear' && nginxState(there) === 'refused') return takeBack(there, about, work);
      if (holdsAlready(there, fieldsOf(wish, there)) && (await isServed(wish, work, SHOWN_WITHIN_MS)))
        return ok(undefined);
      return confirm(wish, there, fault, about, work);
    }
    if (there || fault.kind === 'in-use') {
      return err(domainTaken(wish.domain, fault.kind === 'in-use' ? fault.message : 'somebody was quicker'));
    }
    // Not there: lost on the way, or still to come. Only the first may be sent again.
    if (!fault.canRepeat || attempt > 1) return err(fault.error);
  }
}

/** A created row whose nginx part is in doubt: written once more, and removed where that fails too. */
async function confirm(
  wish: Wish,
  there: Host,
  fault: ApiFault,
  about: About,
  work: Work,
): Promise<Result<void, ProxyError>> {
  const again = await work.hosts.update(there.id, fieldsOf(wish, there), about, work.limits);
  if (again.isOk() && nginxState(again.value) !== 'refused') return ok(undefined);
  if (again.isOk()) return takeBack(again.value, about, work);
  const aftermath = await unmake(there, about, work);
  return err(failed(again.error.kind === 'unclear' ? again.error : fault, about, aftermath));
}

async function takeBack(created: Host, about: About, work: Work): Promise<Result<void, ProxyError>> {
  const aftermath = await unmake(created, about, work);
  return err(nginxRefused(about.domain, nginxError(created), aftermath));
}

async function unmake({ id }: Host, about: About, { hosts, limits }: Work): Promise<Aftermath> {
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const removed = await hosts.remove(id, about, limits);
    if (removed.isOk() || removed.error.kind === 'missing') return 'absent';
    // A "failed" delete is recorded nevertheless; what never served is then gone.
    const there = await hosts.get(id, about, limits);
    if (there.isErr() && there.error.kind === 'missing') return 'absent';
  }
  return 'down';
}

// --- one that is there ------------------------------------------------------------------------------------------------

async function update(
  wish: Wish,
  held: Host,
  fields: HostFields,
  about: About,
  work: Work,
): Promise<Result<void, ProxyError>> {
  const { hosts, limits } = work;
  for (let attempt = 1; ; attempt += 1) {
    const updated = await hosts.update(held.id, fields, about, limits);
    if (updated.isOk()) return judge(held, updated.value, fields, about, work);
    const fault = updated.error;
    // Removed between the look and the write: then it is a new one.
    if (fault.kind === 'missing' && attempt === 1) return create(wish, fieldsOf(wish, undefined), about, work);
    if (fault.kind !== 'unclear') return err(errorOf(fault, about));

    const now = await hosts.get(held.id, about, limits);
    if (now.isErr()) return err(unknownOutcome(errorOf(fault, about)));
    const isRecorded = holdsAlready({ ...now.value, enabled: true }, fields);
    if (isRecorded && (await isServed(wish, work, SHOWN_WITHIN_MS))) return ok(undefined);
    if (nginxState(now.value) === 'refused') return judge(held, now.value, fields, about, work);
    // The same values again change nothing that they have not changed already.
    if (fault.canRepeat && attempt === 1) continue;
    if (!isRecorded) return err(fault.error);
    return err(failed(fault, about, await putBack(held, fields, about, work)));
  }
}

async function judge(
  held: Host,
  updated: Host,
  fields: HostFields,
  about: About,
  work: Work,
): Promise<Result<void, ProxyError>> {
  if (nginxState(updated) === 'refused') {
    return err(nginxRefused(about.domain, nginxError(updated), await putBack(held, fields, about, work)));
  }
  if (updated.enabled) return ok(undefined);
  // Switched off on the web page: an update writes the record alone, and does not switch it on either.
  const enabled = await work.hosts.enable(held.id, about, work.limits);
  const now = await work.hosts.get(held.id, about, work.limits);
  if (now.isErr()) return err(unknownOutcome(errorOf(now.error, about)));
  if (nginxState(now.value) === 'refused') {
    return err(nginxRefused(about.domain, nginxError(now.value), await putBack(held, fields, about, work)));
  }
  if (enabled.isOk() || now.value.enabled) return ok(undefined);
  return err(unknownOutcome(errorOf(enabled.error, about)));
}

/** The old values again, at once: a refused update has taken the working route down. */
async function putBack(held: Host, sent: HostFields, about: About, work: Work): Promise<Aftermath> {
  const { hosts, limits, frontDoor } = work;
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const back = await hosts.update(held.id, fieldsBefore(held, sent), about, limits);
    if (back.isOk()) return nginxState(back.value) === 'refused' ? 'down' : 'as-before';
  }
  // nginx takes nothing now, from anybody: then it still runs what it ran before.
  const serving = await frontDoor.serving(about.domain, patience(work, SHOWN_WITHIN_MS));
  const label = labelOf(held);
  const isAsBefore =
    serving.kind === 'answer' &&
    serving.instance === label?.instance &&
    serving.hold === (label?.holding && holdWord(label.holding));
  return isAsBefore ? 'as-before' : 'down';
}

// --- looking ----------------------------------------------------------------------------------------------------------

/** Whether the front door shows the instance, and tells visitors what it should, now or within a while. */
async function isServed(wish: Wish, work: Work, withinMs: number): Promise<boolean> {
  const { frontDoor } = work;
  const isIt = isOf(wish);
  if (withinMs === 0) return isIt(await frontDoor.serving(wish.domain, patience(work, SHOWN_WITHIN_MS)));
  return (await frontDoor.steadily(wish.domain, isIt, patience(work, withinMs))).held;
}

/** Until one of nginx's workers shows it. Where nobody answers there is nothing to wait for. */
async function untilRead(wish: Wish, work: Work): Promise<void> {
  const isIt = isOf(wish);
  const read = patience(work, READ_WITHIN_MS);
  while (!read.signal.aborted && read.leftMs() > 0) {
    const serving = await work.frontDoor.serving(wish.domain, read);
    if (serving.kind === 'nothing' || isIt(serving)) return;
    await pause(READ_LOOK_MS, read.signal);
  }
}

const isOf = (wish: Wish) => {
  const hold = wish.hold && holdWord(wish.hold.holding);
  return (serving: Serving) =>
    serving.kind === 'answer' && serving.instance === wish.target.instance && serving.hold === hold;
};

const patience = ({ limits }: Work, forMs: number) => {
  const endMs = performance.now() + forMs;
  return { signal: limits.signal, leftMs: () => Math.min(endMs - performance.now(), limits.leftMs()) };
};

// --- errors -----------------------------------------------------------------------------------------------------------

export function errorOf(fault: ApiFault, about: About): ProxyError {
  switch (fault.kind) {
    case 'in-use':
      return domainTaken(about.domain, fault.message);
    case 'missing':
      return { ...backendFailed(about.domain, 'the host is gone', 'absent'), code: 'gone' };
    case 'refused':
    case 'unclear':
      return fault.error;
  }
}

const unknownOutcome = (error: ProxyError): ProxyError => ({ ...error, outcome: 'unknown' });

/** An unclear write that was taken back, or not. */
function failed(fault: ApiFault, about: About, aftermath: Aftermath): ProxyError {
  if (fault.kind !== 'unclear') return errorOf(fault, about);
  const { code = '500' } = fault.error;
  return { ...backendFailed(about.domain, fault.detail, aftermath), code };
}
