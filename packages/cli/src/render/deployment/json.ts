/** A deployment for machines: an object per line as things happen, and one of type `result` when it has ended. */
import type { Screen } from '../../terminal/screen.js';
import { problemJson } from '../problem.js';
import type { Presenter } from './presenter.js';
import { recoveryText } from './recovery.js';

export function jsonPresenter(screen: Screen): Presenter {
  let id: string | undefined;
  const tell = (type: string, payload: object) =>
    screen.object({ type, time: Date.now(), ...(id === undefined ? {} : { deployment: id }), ...payload });

  return {
    queued(deployment) {
      id = deployment.id;
      const { project, stage, tag, kind } = deployment;
      tell('deployment.queued', { project, stage, tag, kind });
    },
    started: () => tell('deployment.started', {}),
    waiting: ({ deploymentId: _id, ...event }) => tell('deployment.waiting', event),
    step: (_deployment, step) => tell('deployment.step', { step }),
    // Its log says until when.
    asking: () => {},
    log: (entry) => tell('deployment.log', { entry }),
    progress: (progress) => tell('deployment.progress', { progress }),
    rollingBack: (error) => tell('deployment.rolling-back', { error }),
    recovered: (report) => {
      if (recoveryText(report)) tell('recovery.finished', { report });
    },
    cancelling: () => {},
    verdict({ exitCode, deployment, instance, error }) {
      screen.object({
        type: 'result',
        time: Date.now(),
        exitCode,
        deployment,
        instance,
        error: error ? problemJson(deployment.error ?? error) : null,
      });
    },
    retiring: (instance, reason) => tell('instance.retiring', { instance, reason }),
    retired: (instance) => tell('instance.retired', { instance }),
    closing: () => {},
    end: () => {},
  };
}
