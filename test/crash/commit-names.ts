/**
 * What a commit is about, in words that are the same in every run: a status that changes, a journal entry that begins, a lease that
 * comes or goes. What happens to go along with it (log lines, what earlier steps have left to write) is not in its name, because
 * when that is written depends on the machine's mood.
 */
import type {
  DeploymentRecord,
  JournalRecord,
  LeaseRecord,
  TaskRecord,
} from '../../packages/core/src/domain/records.js';
import type { Change } from '../../packages/core/src/ports/store.js';

export class CommitNames {
  readonly #statuses = new Map<string, string>();
  readonly #entries = new Map<string, number>();
  readonly #tokens = new Map<string, number>();

  /** @returns its name; `note` where nothing but lines of the log, and what goes with them, is written */
  of(changes: readonly Change[]): string {
    const parts = new Set(changes.map((change) => this.#part(change)).filter((part) => part !== undefined));
    return parts.size === 0 ? 'note' : [...parts].sort().join(', ');
  }

  /** It was made: what it says is what the next one differs from. */
  made(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.op === 'remove' && change.collection === 'journals') this.#entries.delete(change.id);
      if (change.op !== 'insert' && change.op !== 'put') continue;
      if (change.collection === 'deployments') this.#statuses.set(change.record.id, statusOf(change.record));
      if (change.collection === 'journals') this.#entries.set(change.record.id, change.record.entries.length);
      if (change.collection === 'leases') this.#tokens.set(change.record.id, change.record.token);
    }
  }

  #part(change: Change): string | undefined {
    if (change.op === 'append' || change.op === 'trim') return undefined;
    if (change.op === 'remove') return `${change.collection} gone`;
    switch (change.collection) {
      case 'deployments':
        return this.#deployment(change.record);
      case 'journals':
        return this.#journal(change.record, change.op === 'insert');
      case 'leases':
        return this.#lease(change.record);
      case 'tasks':
        return change.op === 'insert' ? `task ${(change.record as TaskRecord).kind}` : 'task again';
      default:
        return change.collection;
    }
  }

  #deployment(record: DeploymentRecord): string | undefined {
    const is = statusOf(record);
    return this.#statuses.get(record.id) === is ? undefined : is;
  }

  /** One that somebody else has begun is only ever taken back here. */
  #journal({ id, entries }: JournalRecord, isNew: boolean): string | undefined {
    const before = isNew ? 0 : (this.#entries.get(id) ?? entries.length);
    const newest = entries.at(-1);
    return newest && entries.length > before ? `begin ${newest.step}` : undefined;
  }

  #lease({ id, holder, token }: LeaseRecord): string {
    const kind = id.slice(0, id.indexOf(':'));
    if (holder === null) return `free ${kind}`;
    return this.#tokens.get(id) === token ? `renew ${kind}` : `take ${kind}`;
  }
}

const statusOf = ({ status, cleanup }: DeploymentRecord): string =>
  cleanup === 'none' ? status : `${status} (cleanup ${cleanup})`;
