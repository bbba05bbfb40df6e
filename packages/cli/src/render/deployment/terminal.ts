/** A deployment on a terminal: a line per step as it is done, and below them one that lives. */
import type { Deployment, LogEntry, PullProgress, StepRecord } from '@quayside/core';
import { LiveLine } from '../../terminal/live.js';
import { durationText } from '../../terminal/quantities.js';
import type { Screen } from '../../terminal/screen.js';
import { fitted } from '../../terminal/screen.js';
import { plain } from '../../terminal/width.js';
import { PullMeter } from '../pull.js';
import { nameOf, type Presenter } from './presenter.js';
import { recoveryText } from './recovery.js';
import { verdictLines } from './verdict.js';

const NAME_WIDTH = 13;
const TIME_WIDTH = 8;

export function terminalPresenter(screen: Screen): Presenter {
  const { style, signs } = screen.look;
  const live = new LiveLine(screen.out);
  /** What each step said last. */
  const said = new Map<string, string>();
  let meter: PullMeter | undefined;
  let failure: string | undefined;
  let isCancelling = false;

  const spinner = (frame: number) => style.cyan(signs.spinner[frame % signs.spinner.length] ?? '');
  const line = (sign: string, name: string, time: string, text: string) =>
    `  ${sign} ${name.padEnd(NAME_WIDTH)}${style.dim(time.padStart(TIME_WIDTH))}  ${text}`.trimEnd();
  const print = (text: string) => live.print(fitted(screen, text));

  const showStep = ({ name }: StepRecord) => {
    const startedMs = performance.now();
    meter = undefined;
    live.show((frame) => {
      const text = meter
        ? meter.bar(signs, (screen.columns ?? 80) - NAME_WIDTH - TIME_WIDTH - 7)
        : style.dim(said.get(name) ?? '');
      return line(spinner(frame), name, durationText(performance.now() - startedMs), text);
    });
  };
  const showSince = (what: string) => {
    const startedMs = performance.now();
    live.show((frame) => `  ${spinner(frame)} ${what}  ${style.dim(durationText(performance.now() - startedMs))}`);
  };

  return {
    queued(deployment) {
      const verb = deployment.kind === 'rollback' ? 'rolling back to' : 'deploying';
      print(`${style.bold(nameOf(deployment))}  ${style.dim(`${verb} ${signs.dot} ${deployment.id}`)}`);
      showSince('preparing');
    },
    started: () => {},
    waiting({ heldFor, lease }) {
      const by = heldFor === null ? 'somebody else' : `deployment ${heldFor}`;
      showSince(plain(`waiting: ${by} holds ${lease}`));
    },
    step(_deployment: Deployment, step) {
      const { name, status, durationMs } = step;
      const time = durationMs === null ? '' : durationText(durationMs);
      if (status === 'running') return showStep(step);
      if (status === 'done') print(line(style.green(signs.done), name, time, style.dim(said.get(name) ?? '')));
      else if (status === 'failed') print(line(style.red(signs.failed), name, time, ''));
      else print(line(style.yellow(signs.undone), name, '', style.dim('undone')));
    },
    asking: ({ id }) => print(style.yellow(`  ${signs.note} quayside approve ${id}, or deny, answers it`)),
    log(entry: LogEntry) {
      const text = plain(entry.message);
      if (entry.step !== null && (entry.level === 'info' || entry.level === 'warn')) said.set(entry.step, text);
      const isKnown = failure !== undefined && entry.message.startsWith(failure);
      const isShown = screen.isVerbose || ((entry.level === 'warn' || entry.level === 'error') && !isKnown);
      if (!isShown) return;
      const sign = entry.level === 'error' ? style.red(signs.note) : style.yellow(signs.note);
      print(`    ${entry.level === 'warn' || entry.level === 'error' ? sign : style.dim(signs.dot)} ${text}`);
    },
    progress(progress: PullProgress) {
      meter ??= new PullMeter();
      meter.add(progress);
    },
    rollingBack(error) {
      failure = error.message;
      showSince(isCancelling ? 'cancelled, rolling back' : 'rolling back');
    },
    recovered(report) {
      const text = recoveryText(report);
      if (text) print(style.dim(`  ${signs.dot} ${text}`));
    },
    cancelling() {
      isCancelling = true;
      print(style.yellow('  Cancelling: what it made is undone. Ctrl-C again leaves at once.'));
    },
    verdict(verdict) {
      live.stop();
      for (const each of verdictLines(verdict, screen.look, screen.columns)) screen.print(each);
    },
    retiring(instance, reason) {
      if (screen.isVerbose) print(style.dim(`  ${plain(instance.tag)} retires: ${reason}`));
    },
    retired: (instance) => print(style.dim(`  ${plain(instance.tag)} is gone`)),
    closing: (what) => showSince(what),
    end: () => live.stop(),
  };
}
