/** The tag that may have been meant: one that the registry has, or that the history remembers. */
import type { AnyError } from '@quayside/core';
import { closest } from '@quayside/core/ports';
import { portOf } from '../doctor/ports.js';
import type { Session } from '../session.js';

const LOOK_MS = 3_000;
const REMEMBERED = 200;

/** Who is told of a mistake is not kept waiting for advice: null where there is none in time. */
export async function nearTag(session: Session, project: string, tag: string): Promise<string | null> {
  const signal = AbortSignal.timeout(LOOK_MS);
  const known = [...(await remembered(session, project, signal)), ...(await offered(session, project, signal))];
  const near = closest(tag, known);
  return near === undefined || near === tag ? null : near;
}

/** With the advice in front of what else can be done. */
export const withAdvice = <E extends Pick<AnyError, 'hint'>>(error: E, near: string | null): E =>
  near === null ? error : { ...error, hint: `Did you mean "${near}"? ${error.hint}` };

async function remembered({ deployer }: Session, project: string, signal: AbortSignal): Promise<readonly string[]> {
  const page = await deployer.deployments.list({ project, status: 'succeeded', limit: REMEMBERED, signal });
  return page.isOk() ? page.value.items.map(({ tag }) => tag) : [];
}

async function offered({ options }: Session, project: string, signal: AbortSignal): Promise<readonly string[]> {
  const { projects } = options;
  const registry = portOf(options.registry);
  if (!registry || typeof projects === 'function' || !Object.hasOwn(projects, project)) return [];
  const image = projects[project]?.image;
  return image === undefined ? [] : (await registry.tags(image, { signal })).unwrapOr([]);
}
