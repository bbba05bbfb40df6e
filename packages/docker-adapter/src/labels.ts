/** What a container or network of ours carries from the moment it exists; all keys live here. */
import type { ContainerOwner, ContainerSpec } from '@quayside/core/ports';

export const LABEL = {
  store: 'dev.quayside.store',
  deployment: 'dev.quayside.deployment',
  project: 'dev.quayside.project',
  stage: 'dev.quayside.stage',
  tag: 'dev.quayside.tag',
} as const;

export type Labels = { readonly [key: string]: string };

/** The spec's own labels and ours; where they meet, ours win. */
export const labelsOf = (spec: ContainerSpec): Labels => ({
  ...spec.labels,
  [LABEL.store]: spec.owner.storeId,
  [LABEL.deployment]: spec.owner.deployment,
  [LABEL.project]: spec.project,
  [LABEL.stage]: spec.stage,
  [LABEL.tag]: spec.tag,
});

export function ownerOf(labels: Labels | null | undefined): ContainerOwner | null {
  const storeId = labels?.[LABEL.store];
  return storeId ? { storeId, deployment: labels?.[LABEL.deployment] ?? '' } : null;
}

export const isOwnedBy = (labels: Labels | null | undefined, owner: ContainerOwner): boolean =>
  labels?.[LABEL.store] === owner.storeId && labels?.[LABEL.deployment] === owner.deployment;
