/** Which projects there are and which tags they have: what a deployer is not asked for. */
import type { ProjectMap } from '@quayside/core';
import { type AnyError, bug, didYouMean, type Registry, shownError } from '@quayside/core/ports';
import { err, errAsync, ok, type Result, ResultAsync } from 'neverthrow';
import type { ProjectsLookup } from '../options.js';

export interface ProjectItem {
  readonly name: string;
  readonly image: string;
  readonly stages: readonly ({ readonly name: string } | { readonly pattern: string })[];
}

export interface Catalogue {
  /** By name. */
  projects(signal: AbortSignal): ResultAsync<readonly ProjectItem[], AnyError>;
  /** The newest version first, as far as their names tell. */
  tags(project: string, signal: AbortSignal): ResultAsync<readonly string[], AnyError>;
}

export function catalogue(
  projects: ProjectMap | ProjectsLookup | undefined,
  registry: Registry | undefined,
): Catalogue {
  const all = (signal: AbortSignal): ResultAsync<ProjectMap, AnyError> => {
    if (!projects) return errAsync(unsupported('projects', 'projects'));
    const look = async () => (typeof projects === 'function' ? await projects({ signal }) : projects);
    return ResultAsync.fromThrowable(look, bug)();
  };
  return {
    projects: (signal) =>
      all(signal).map((map) =>
        Object.entries(map)
          .map(([name, { image, stages }]) => ({ name, image, stages: Object.keys(stages).map(stageItem) }))
          .sort((a, b) => collator.compare(a.name, b.name)),
      ),
    tags: (project, signal) =>
      all(signal)
        .andThen((map) => imageOf(map, project))
        .andThen((image) => (registry ? tagsOf(registry, image, signal) : errAsync(unsupported('tags', 'registry'))))
        .map((tags) => [...new Set(tags)].sort((a, b) => collator.compare(b, a))),
  };
}

/** This call goes past the deployer, which would have taken the login out of what a server repeats. */
const tagsOf = (registry: Registry, image: string, signal: AbortSignal): ResultAsync<readonly string[], AnyError> =>
  registry.tags(image, { signal }).mapErr((error) => shownError<AnyError>(error, [registry]));

/** `v1.10` is newer than `v1.9`. */
const collator = new Intl.Collator('en', { numeric: true });

const stageItem = (stage: string) => (stage.includes('*') ? { pattern: stage } : { name: stage });

function imageOf(map: ProjectMap, name: string): Result<string, AnyError> {
  const project = Object.hasOwn(map, name) ? map[name] : undefined;
  if (project) return ok(project.image);
  return err({
    kind: 'unknown-project',
    message: `There is no project "${name}"${didYouMean(name, Object.keys(map))}.`,
    hint: 'Look at the projects: `GET /projects`.',
    retryable: false,
  });
}

const unsupported = (what: string, option: string): AnyError => ({
  kind: 'unsupported',
  message: `This host does not tell its ${what}.`,
  hint: `Give \`${option}\` to apiHandler.`,
  retryable: false,
});
