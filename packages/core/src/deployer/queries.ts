/** Lists and look-ups: walks along the store's indexes, page by page. */
import { errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import {
  type CollectionName,
  type Collections,
  type InstanceCondition,
  type InstanceRecord,
  stageKey,
} from '../domain/records.js';
import {
  type AuditEntry,
  auditView,
  type Deployment,
  deploymentView,
  type Instance,
  instanceView,
  type RouteView,
  routeView,
  type Stage,
  stageView,
} from '../domain/views.js';
import { isHeldAt } from '../flow/holding.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import type { Query } from '../ports/store.js';
import type { CallBound, Deployer, Page, PageQuery } from './types.js';
import { unknownDeployment, unknownInstance } from './unknown.js';

type Queries = Pick<Deployer, 'deployments' | 'instances' | 'stages' | 'routes' | 'audit'>;

const LIMIT = 50;
const LIMIT_MAX = 1_000;
/** So many pages are looked through for a page that a filter leaves sparse. */
const PAGES_MAX = 20;

export function queries(host: Host): Queries {
  return {
    deployments: {
      list: (query = {}) => {
        const { status, project } = query;
        // Status and project together have no index: the narrower one is walked, the other one filters.
        const isFiltered = status !== undefined && project !== undefined && query.stage === undefined;
        const where = { ...byStage(query), ...(status === undefined || isFiltered ? {} : { status }) };
        const keep = (deployment: { readonly status: string; readonly stage: string }) =>
          (status === undefined || deployment.status === status) &&
          (query.stage === undefined || deployment.stage === query.stage);
        return page<'deployments', Deployment>(host, 'deployments', where, 'desc', query, keep, (record) =>
          okAsync(deploymentView(record)),
        );
      },
      get: (id, options = {}) =>
        host.store
          .get('deployments', id, { signal: signalOf(options) })
          .andThen((stored) =>
            stored ? okAsync(deploymentView(stored.value)) : errAsync<Deployment, AnyError>(unknownDeployment(id)),
          ),
    },
    instances: {
      list: (query = {}) =>
        page<'instances', Instance>(host, 'instances', byStage(query), 'desc', query, stageFilter(query), (record) =>
          instanceOf(host, record, query),
        ),
      get: (id, options = {}) =>
        host.store
          .get('instances', id, { signal: signalOf(options) })
          .andThen((stored) =>
            stored ? instanceOf(host, stored.value, options) : errAsync<Instance, AnyError>(unknownInstance(id)),
          ),
    },
    stages: {
      list: (query = {}) => {
        const where = query.project === undefined ? {} : { project: query.project };
        return page<'stages', Stage>(host, 'stages', where, 'asc', query, stageFilter(query), (record) =>
          okAsync(stageView(record)),
        );
      },
    },
    routes: {
      list: (query = {}) => {
        const where: Query<'routes'>['where'] =
          query.project !== undefined && query.stage !== undefined
            ? { stageKey: stageKey(query.project, query.stage) }
            : {};
        const keep = ({ owner }: Collections['routes']) =>
          (query.project === undefined || owner.project === query.project) &&
          (query.stage === undefined || owner.stage === query.stage);
        return page<'routes', RouteView>(host, 'routes', where, 'asc', query, keep, (record) =>
          okAsync(routeView(record)),
        );
      },
    },
    audit: {
      list: (query = {}) => {
        const { act, project, stage } = query;
        // One index is walked; the rest filters.
        const where = project === undefined && act !== undefined ? { act } : byStage(query);
        const keep = (record: Collections['audit']) =>
          (act === undefined || record.act === act) && (stage === undefined || record.stage === stage);
        return page<'audit', AuditEntry>(host, 'audit', where, 'desc', query, keep, (record) =>
          okAsync(auditView(record)),
        );
      },
    },
  };
}

const signalOf = ({ signal }: CallBound): AbortSignal => signal ?? new AbortController().signal;

function byStage({ project, stage }: { readonly project?: string; readonly stage?: string }) {
  if (project !== undefined && stage !== undefined) return { stageKey: stageKey(project, stage) };
  return project === undefined ? {} : { project };
}

const stageFilter =
  ({ stage }: { readonly stage?: string }) =>
  (record: { readonly stage: string }) =>
    stage === undefined || record.stage === stage;

export function instanceOf(host: Host, record: InstanceRecord, options: CallBound): ResultAsync<Instance, AnyError> {
  const bound = { signal: signalOf(options) };
  return routine(async function* () {
    const routes = yield* host.store.list('routes', { where: { instance: record.id } }, bound);
    const isDefault = record.state === 'running' && record.defaultUntil === null;
    const pin = yield* host.store.get('pins', record.id, bound);
    const condition = yield* host.store.get('conditions', record.id, bound);
    const domains = routes.filter(({ value }) => value.state === 'live').map(({ value }) => value.id);
    const { id: _id, stageKey: _stage, ...wrong } = condition?.value ?? { id: '', stageKey: '' };
    const isHeld = isDefault && (yield* isHeldAt(host.store, record, bound.signal));
    const more = { isPinned: pin !== undefined, isHeld, condition: condition ? (wrong as InstanceCondition) : null };
    return ok<Instance, AnyError>(instanceView(record, domains, more));
  });
}

function page<C extends CollectionName, View>(
  host: Host,
  collection: C,
  where: Query<C>['where'] & object,
  order: 'asc' | 'desc',
  query: PageQuery,
  keep: (record: Collections[C]) => boolean,
  view: (record: Collections[C]) => ResultAsync<View, AnyError>,
): ResultAsync<Page<View>, AnyError> {
  const limit = Math.max(1, Math.min(LIMIT_MAX, Math.floor(query.limit ?? LIMIT)));
  const signal = signalOf(query);
  return routine(async function* () {
    const items: View[] = [];
    let after = query.cursor;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const found = yield* host.store.list(
        collection,
        { where, order, limit: limit + 1, ...(after === undefined ? {} : { after }) } as Query<C>,
        { signal },
      );
      for (const [index, { value }] of found.entries()) {
        if (items.length === limit) return ok<Page<View>, AnyError>({ items, next: after ?? null });
        // The one that was asked for beyond the page only tells that there is more.
        if (index === limit) break;
        after = value.id;
        if (keep(value)) items.push(yield* view(value));
      }
      if (found.length <= limit) return ok<Page<View>, AnyError>({ items, next: null });
      if (items.length === limit) return ok<Page<View>, AnyError>({ items, next: after ?? null });
    }
    return ok<Page<View>, AnyError>({ items, next: after ?? null });
  });
}
