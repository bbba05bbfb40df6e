/** The host's API, typed. An answer that is no success is thrown as a `Problem` (RFC 9457), with what to do about it. */
import type { CancelAnswer, Deployment, DeploymentPlan, DeployRequest, Instance, RouteView } from '@quayside/core';

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface ProjectView {
  readonly name: string;
  readonly image: string;
  /** A stage has a name of its own, or a pattern (`pr-*`) that names follow. */
  readonly stages: readonly { readonly name?: string; readonly pattern?: string }[];
}

export interface Session {
  readonly by: string;
  /** Where a domain is visited: `http://{domain}:8080`. */
  readonly visit: string;
}

interface ProblemBody {
  readonly title?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly kind?: string;
}

export class Problem extends Error {
  readonly status: number;
  readonly hint: string;
  readonly kind: string;

  constructor(status: number, body: ProblemBody) {
    super(body.detail ?? body.title ?? `The host answered ${status}.`);
    this.status = status;
    this.hint = body.hint ?? '';
    this.kind = body.kind ?? '';
  }
}

/** What a person is told of anything that was thrown here. */
export function explain(thrown: unknown): { readonly message: string; readonly hint: string } {
  if (thrown instanceof Problem) return thrown;
  return { message: thrown instanceof Error ? thrown.message : String(thrown), hint: '' };
}

/** A host that does not answer within it is told to be away. */
const LIMIT_MS = 30_000;

let onSignedOut = () => {};
/** Called where the host no longer knows who asks. */
export const whenSignedOut = (listener: () => void): void => {
  onSignedOut = listener;
};

async function call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const response = await fetch(path, {
    method,
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    signal: AbortSignal.timeout(LIMIT_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Problem(0, {
      detail: 'The host does not answer.',
      hint: 'It may be starting again. Try once more in a moment.',
    });
  });
  if (response.status === 204) return undefined as T;
  const read: unknown = await response.json().catch(() => ({}));
  if (response.ok) return read as T;
  if (response.status === 401 && path !== '/session') onSignedOut();
  throw new Problem(response.status, read as ProblemBody);
}

/** A path of segments that may hold anything. */
const at = (...segments: readonly string[]): string => `/v1/${segments.map(encodeURIComponent).join('/')}`;

function query(values: Readonly<Record<string, string | number | null | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

export const api = {
  session: () => call<Session>('GET', '/session'),
  signIn: (token: string, name: string) => call<Session>('POST', '/session', { token, name }),
  signOut: () => call<void>('DELETE', '/session'),

  projects: () => call<Page<ProjectView>>('GET', at('projects')),
  tags: (project: string, stage: string) =>
    call<Page<string>>('GET', `${at('projects', project, 'tags')}${query({ stage, limit: 1_000 })}`).then(
      ({ items }) => items,
    ),
  plan: (request: DeployRequest) => call<DeploymentPlan>('POST', at('plan'), request),
  deploy: (request: DeployRequest, key: string) =>
    call<{ readonly id: string }>('POST', at('deployments'), request, { 'idempotency-key': key }),
  deployments: (filter: { project?: string; stage?: string; limit?: number; cursor?: string | null }) =>
    call<Page<Deployment>>('GET', `${at('deployments')}${query(filter)}`),
  deployment: (id: string) => call<Deployment>('GET', at('deployments', id)),
  cancel: (id: string, reason: string) =>
    call<CancelAnswer>('POST', at('deployments', id, 'cancel'), reason === '' ? {} : { reason }),
  rollBack: (stage: { project: string; stage: string; to?: string }) =>
    call<{ readonly id: string }>('POST', at('rollbacks'), stage),
  instances: (filter: { project?: string; stage?: string; limit?: number; cursor?: string | null }) =>
    call<Page<Instance>>('GET', `${at('instances')}${query(filter)}`),
  instance: (id: string) => call<Instance>('GET', at('instances', id)),
  removeInstance: (id: string) => call<unknown>('DELETE', at('instances', id)),
  removeStage: (project: string, stage: string) => call<unknown>('DELETE', at('projects', project, 'stages', stage)),
  beginMaintenance: (project: string, stage: string, message: string) =>
    call<unknown>('PUT', at('projects', project, 'stages', stage, 'maintenance'), message === '' ? {} : { message }),
  endMaintenance: (project: string, stage: string) =>
    call<unknown>('DELETE', at('projects', project, 'stages', stage, 'maintenance')),
  routes: (project: string, stage: string) =>
    call<Page<RouteView>>('GET', `${at('routes')}${query({ project, stage, limit: 1_000 })}`),
  pin: (id: string, pinned: boolean) => call<unknown>(pinned ? 'PUT' : 'DELETE', at('instances', id, 'pin')),
};

export const streams = {
  events: at('events'),
  log: (id: string) => `${at('deployments', id, 'log')}?follow=1`,
  output: (id: string) => `${at('instances', id, 'log')}?follow=1&tail=500`,
};
