/**
 * Names of attributes. Where OpenTelemetry's semantic conventions have one it is theirs; a test compares them with the package of
 * constants, so that nobody has to install that for these few texts.
 */
export const ATTRIBUTES = {
  deploymentId: 'deployment.id',
  /** `project/stage`. */
  deploymentName: 'deployment.name',
  /** `succeeded` or `failed`: of the others the conventions know nothing. */
  deploymentStatus: 'deployment.status',
  /** The stage. */
  environment: 'deployment.environment.name',
  container: 'container.name',
  imageTags: 'container.image.tags',
  digest: 'oci.manifest.digest',
  /** The kind of the error. */
  error: 'error.type',
} as const;

/** What the conventions have no word for. */
export const OWN = {
  project: 'quayside.project',
  stage: 'quayside.stage',
  kind: 'quayside.deployment.kind',
  status: 'quayside.deployment.status',
  step: 'quayside.step.name',
  stepStatus: 'quayside.step.status',
} as const;
