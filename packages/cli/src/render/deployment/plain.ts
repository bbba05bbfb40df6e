/** A deployment in a pipe or a file: one line per thing that happened, and nothing that moves. */
import { durationText } from '../../terminal/quantities.js';
import type { Screen } from '../../terminal/screen.js';
import { plain } from '../../terminal/width.js';
import { PullMeter } from '../pull.js';
import { nameOf, type Presenter } from './presenter.js';
import { recoveryText } from './recovery.js';
import { verdictLines } from './verdict.js';

/** A pull says how far it is so often. */
const PROGRESS_MS = 5_000;

export function plainPresenter(screen: Screen): Presenter {
  let meter: PullMeter | undefined;
  let saidMs = 0;
  let failure: string | undefined;
  const { print, note } = screen;

  return {
    queued: (deployment) => print(`${nameOf(deployment)}: ${deployment.kind} ${deployment.id}`),
    started: () => {},
    waiting({ heldFor, lease }) {
      print(plain(`waiting: ${heldFor === null ? 'somebody else' : `deployment ${heldFor}`} holds ${lease}`));
    },
    step(_deployment, { name, status, durationMs }) {
      meter = undefined;
      if (status === 'running') return;
      print(`${name}: ${status}${durationMs === null || status === 'undone' ? '' : ` in ${durationText(durationMs)}`}`);
    },
    asking: ({ id }) => print(`an answer is waited for: quayside approve ${id}, or quayside deny ${id}`),
    log({ level, step, message }) {
      if (level === 'debug' && !screen.isVerbose) return;
      // The first line of the failure has it all, and the last lines say it again.
      if (failure !== undefined && message.startsWith(failure)) return;
      const mark = level === 'info' || level === 'debug' ? '' : `${level}: `;
      print(plain(`${step === null ? '' : `${step}: `}${mark}${message}`));
    },
    progress(progress) {
      saidMs = meter ? saidMs : performance.now();
      meter ??= new PullMeter();
      meter.add(progress);
      if (performance.now() - saidMs < PROGRESS_MS) return;
      saidMs = performance.now();
      print(`pull: ${meter.text}`);
    },
    rollingBack(error) {
      failure = error.message;
      print(plain(`rolling back: ${error.message}`));
    },
    recovered(report) {
      const text = recoveryText(report);
      if (text) print(text);
    },
    cancelling: () => note('Cancelling: what it made is undone. Another signal leaves at once.'),
    verdict(verdict) {
      for (const line of verdictLines(verdict, screen.look, undefined)) print(line);
    },
    retiring: () => {},
    retired: (instance) => print(plain(`${instance.tag} is gone`)),
    closing: note,
    end: () => {},
  };
}
