/** What a deployment tells while it runs, and those who show it. */
import type {
  AnyError,
  Deployer,
  DeployerEvents,
  Deployment,
  DeploymentStatus,
  Instance,
  LogEntry,
  PullProgress,
  RecoveryReport,
  StepRecord,
  StoredError,
} from '@quayside/core';

export interface Verdict {
  readonly exitCode: number;
  readonly deployment: Deployment;
  readonly instance: Instance | null;
  /** What the default route points to after a failure; null: nothing. */
  readonly serving: Instance | null;
  readonly error: AnyError | null;
}

export interface Presenter {
  queued(deployment: Deployment): void;
  started(deployment: Deployment): void;
  waiting(event: DeployerEvents['deployment.waiting']): void;
  step(deployment: Deployment, step: StepRecord): void;
  /** A gate holds it until somebody answers. */
  asking(deployment: Deployment): void;
  log(entry: LogEntry): void;
  progress(progress: PullProgress): void;
  rollingBack(error: StoredError): void;
  /** What hosts that died had left was taken up beside it. */
  recovered(report: RecoveryReport): void;
  /** Ctrl-C was pressed: it is undone now. */
  cancelling(): void;
  verdict(verdict: Verdict): void;
  /** Afterwards, while the command closes. */
  retiring(instance: Instance, reason: string): void;
  retired(instance: Instance): void;
  /** It takes more than a second. */
  closing(what: string): void;
  /** Nothing more is shown. */
  end(): void;
}

/** What is known of the deployment that a presenter is told of. */
export interface Watched {
  readonly deployment: Deployment | undefined;
  readonly stop: () => void;
}

/**
 * Tells the presenter of the next deployment that this process submits for the stage.
 *
 * @param gates names of plugins that hold a deployment until somebody answers
 */
export function watch(
  deployer: Deployer,
  stage: { readonly project: string; readonly stage: string },
  presenter: Presenter,
  gates: readonly string[],
): Watched {
  let known: Deployment | undefined;
  const isOurs = (id: string) => known?.id === id;
  const see = (deployment: Deployment) => {
    known = deployment;
  };
  const offs = [
    deployer.on('deployment.queued', ({ deployment }) => {
      if (known || deployment.project !== stage.project || deployment.stage !== stage.stage) return;
      see(deployment);
      presenter.queued(deployment);
    }),
    deployer.on('deployment.started', ({ deployment }) => {
      if (!isOurs(deployment.id)) return;
      see(deployment);
      presenter.started(deployment);
    }),
    deployer.on('deployment.waiting', (event) => {
      if (isOurs(event.deploymentId)) presenter.waiting(event);
    }),
    deployer.on('deployment.step', ({ deployment, step }) => {
      if (!isOurs(deployment.id)) return;
      see(deployment);
      presenter.step(deployment, step);
    }),
    deployer.on('plugin.event', ({ plugin, name, deployment }) => {
      if (name === 'pending' && gates.includes(plugin) && isOurs(deployment.id)) presenter.asking(deployment);
    }),
    deployer.on('deployment.log', ({ deploymentId, entry }) => {
      if (isOurs(deploymentId)) presenter.log(entry);
    }),
    deployer.on('deployment.progress', ({ deploymentId, progress }) => {
      if (isOurs(deploymentId)) presenter.progress(progress);
    }),
    deployer.on('deployment.rolling-back', ({ deployment, error }) => {
      if (!isOurs(deployment.id)) return;
      see(deployment);
      presenter.rollingBack(error);
    }),
    deployer.on('recovery.finished', ({ report }) => {
      presenter.recovered(report);
    }),
    deployer.on('instance.retiring', ({ instance, reason }) => {
      presenter.retiring(instance, reason);
    }),
    deployer.on('instance.retired', ({ instance }) => {
      presenter.retired(instance);
    }),
  ];
  return {
    get deployment() {
      return known;
    },
    stop: () => {
      for (const off of offs) off();
    },
  };
}

/** `shop/dev v1.4.2` */
export const nameOf = ({ project, stage, tag }: Pick<Deployment, 'project' | 'stage' | 'tag'>): string =>
  `${project}/${stage} ${tag}`;

export const isGood = (status: DeploymentStatus): boolean => status === 'succeeded' || status === 'unchanged';
