import type { AnyError } from '@quayside/core';
import type { ResultAsync } from 'neverthrow';
import type { Check, Patient } from './checks.js';
import { type Finding, failure, good, skipped } from './finding.js';
import { portOf } from './ports.js';

/** Images of so many projects are looked up; the rest is most likely at the same registries. */
const LOOKED_UP = 20;

/** Whether the registry lets us in: asked for each project's image, as a deployment would. */
export const checkRegistry: Check = async (patient, signal) => {
  const { projects } = patient.options;
  if (typeof projects === 'function') return [skipped('registry', 'the projects come from a function')];
  const images = [...new Set(Object.values(projects).map(({ image }) => image))];
  if (images.length === 0) return [skipped('registry', 'there are no projects')];
  const found = await Promise.all(images.slice(0, LOOKED_UP).map((image) => ofImage(patient, image, signal)));
  return images.length > LOOKED_UP
    ? [...found, skipped('registry', `${images.length - LOOKED_UP} more images were not asked for`)]
    : found;
};

async function ofImage(patient: Patient, image: string, signal: AbortSignal): Promise<Finding> {
  const registry = portOf(patient.options.registry);
  if (registry) {
    const tags = await registry.tags(image, { signal });
    return tags.isOk()
      ? good('registry', `${image}: ${tags.value.length} tags`)
      : failure('registry', tags.error, `${image}: `);
  }
  const runtime = portOf(patient.options.runtime);
  if (!runtime) return skipped('registry', 'there is nothing to ask it with');
  const tag = await lastTag(patient, image, signal);
  const reference = `${image}:${tag ?? 'latest'}`;
  const resolved: ResultAsync<unknown, AnyError> = runtime.resolve(reference, { signal });
  const answer = await resolved;
  if (answer.isOk()) return good('registry', `${reference} is there`);
  // Nobody has said that there is such a tag: that it is not there was answered by a registry that let us in.
  if (answer.error.kind === 'image-not-found' && tag === undefined)
    return good('registry', `${image}: its registry answers (there is no tag latest, and nothing was deployed yet)`);
  return failure('registry', answer.error);
}

/** What was deployed last of a project with this image. */
async function lastTag(
  { deployer, options }: Patient,
  image: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const projects = typeof options.projects === 'function' ? {} : options.projects;
  for (const [project, each] of Object.entries(projects)) {
    if (each.image !== image) continue;
    const page = await deployer.deployments.list({ project, status: 'succeeded', limit: 1, signal });
    const tag = page.isOk() ? page.value.items[0]?.tag : undefined;
    if (tag !== undefined) return tag;
  }
  return undefined;
}
