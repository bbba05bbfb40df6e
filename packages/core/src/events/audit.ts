/** The audit trail: what somebody asked for, as a record and an event of one commit. */
import { type AuditRecord, stageKey } from '../domain/records.js';
import { auditView } from '../domain/views.js';
import type { Clock, Ids } from '../ports/clock.js';
import type { Change } from '../ports/store.js';
import type { EventDraft } from './types.js';

/** What is to be said of an act; what is not said does not apply to it. */
export type Acted = Pick<AuditRecord, 'act' | 'by'> &
  Partial<Pick<AuditRecord, 'id' | 'tag' | 'subject' | 'detail'>> & {
    readonly of?: { readonly project: string; readonly stage: string };
  };

export interface Audited {
  readonly changes: readonly Change[];
  readonly events: readonly EventDraft[];
}

/** Of what was not asked for by anybody. */
export const UNASKED: Audited = { changes: [], events: [] };

export function audited({ clock, ids }: { readonly clock: Clock; readonly ids: Ids }, acted: Acted): Audited {
  const { act, by, of, tag = null, subject = null, detail = null } = acted;
  const at = clock.now();
  const record: AuditRecord = {
    id: acted.id ?? ids.next(at),
    act,
    at,
    by,
    project: of?.project ?? null,
    stage: of?.stage ?? null,
    stageKey: of ? stageKey(of.project, of.stage) : null,
    tag,
    subject,
    detail,
  };
  return {
    changes: [{ op: 'insert', collection: 'audit', record }],
    events: [{ type: 'audit.recorded', payload: { entry: auditView(record) } }],
  };
}
