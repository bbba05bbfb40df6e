import type { Deployment, LogEntry, StepRecord } from '@quayside/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Io } from '../../io.js';
import { screenOf } from '../../terminal/screen.js';
import { widthOf } from '../../terminal/width.js';
import { jsonPresenter } from './json.js';
import { plainPresenter } from './plain.js';
import type { Presenter } from './presenter.js';
import { terminalPresenter } from './terminal.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const deployment = {
  id: '01k6v1c9q0n2f7abcd',
  project: 'shop',
  stage: 'dev',
  tag: 'v2',
  kind: 'deploy',
  status: 'failed',
  cleanup: 'none',
  startedAt: 0,
  durationMs: 1_000,
  steps: [],
  left: [],
  error: null,
} as unknown as Deployment;
const step = (name: string, status: StepRecord['status'], durationMs: number | null = null): StepRecord => ({
  name,
  status,
  startedAt: 0,
  durationMs,
});
const entry = (name: string, level: LogEntry['level'], message: string): LogEntry => ({
  seq: 1,
  time: 0,
  level,
  step: name,
  message,
  data: null,
});

function shownBy(make: (screen: ReturnType<typeof screenOf>) => Presenter, columns: number, json = false) {
  let out = '';
  let notes = '';
  const io = {
    stdout: { isTTY: true, columns, write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (notes += text) },
    env: { NO_COLOR: '1' },
    platform: 'linux',
  } as unknown as Io;
  const presenter = make(screenOf(io, { isJson: json, noColor: false, isVerbose: false }));
  return { presenter, out: () => out, notes: () => notes };
}

/** A whole deployment that fails, as the core tells it. */
function play(presenter: Presenter) {
  presenter.queued(deployment);
  presenter.started(deployment);
  presenter.step(deployment, step('pull', 'running'));
  presenter.log(entry('pull', 'info', 'Pulling registry.test/shop.'));
  presenter.progress({ layer: 'a', status: 'Downloading', currentBytes: 5_000_000, totalBytes: 10_000_000 });
  vi.advanceTimersByTime(100);
  presenter.log(entry('pull', 'info', 'Pulled registry.test/shop.'));
  presenter.step(deployment, step('pull', 'done', 2_100));
  presenter.step(deployment, step('health', 'running'));
  presenter.log(entry('health', 'warn', 'Attempt 1 of 4: \u001b[2Jconnection refused.'));
  vi.advanceTimersByTime(100);
  presenter.step(deployment, step('health', 'failed', 20_000));
  const error = {
    kind: 'unhealthy',
    message: 'It is not healthy.',
    hint: 'Look.',
    retryable: false,
    causes: [],
  } as const;
  presenter.rollingBack(error);
  presenter.log(entry('health', 'error', 'It is not healthy. Look.'));
  presenter.step(deployment, step('pull', 'undone'));
  presenter.verdict({ exitCode: 1, deployment, instance: null, serving: null, error });
  presenter.end();
}

describe('on a terminal', () => {
  it('a deployment is a line per step that stays; what moves is gone in the end', () => {
    const { presenter, out } = shownBy(terminalPresenter, 100);
    play(presenter);
    expect(out()).toContain('50 %, 5.0 MB of 10 MB');
    const stays = out()
      .split('\n')
      .map((line) =>
        line
          .slice(line.lastIndexOf('\u001b[2K') + 1)
          .replace('[2K', '')
          .replace('\u001b[?25h', '')
          .replace('\u001b[?25l', ''),
      );
    expect(stays.slice(0, 6)).toEqual([
      'shop/dev v2  deploying · 01k6v1c9q0n2f7abcd',
      '  ✔ pull            2.1 s  Pulled registry.test/shop.',
      '    ! Attempt 1 of 4: connection refused.',
      '  ✖ health         20.0 s',
      '  ↩ pull                   undone',
      '✖ shop/dev v2 failed after 1.0 s and was rolled back',
    ]);
    // The first error is said once, by the verdict.
    expect(out().split('It is not healthy.')).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([32, 40, 60])('nothing is wider than %i columns, not even for a moment', (columns) => {
    const { presenter, out } = shownBy(terminalPresenter, columns);
    play(presenter);
    const pieces = out().replaceAll('\r\u001b[2K', '\n').split('\n');
    // A word that is longer, such as a command to type, is never broken.
    for (const piece of pieces.filter((text) => !text.includes('quayside logs')))
      expect(widthOf(piece), piece).toBeLessThanOrEqual(columns);
  });
});

describe('in a pipe', () => {
  it('it is lines of words', () => {
    const { presenter, out } = shownBy(plainPresenter, 80);
    play(presenter);
    expect(out().split('\n').slice(0, 9)).toEqual([
      'shop/dev v2: deploy 01k6v1c9q0n2f7abcd',
      'pull: Pulling registry.test/shop.',
      'pull: Pulled registry.test/shop.',
      'pull: done in 2.1 s',
      'health: warn: Attempt 1 of 4: connection refused.',
      'health: failed in 20.0 s',
      'rolling back: It is not healthy.',
      'pull: undone',
      '✖ shop/dev v2 failed after 1.0 s and was rolled back',
    ]);
  });
});

describe('for machines', () => {
  it('it is objects, each with the deployment that it is about, and one result', () => {
    const { presenter, out, notes } = shownBy(jsonPresenter, 80, true);
    play(presenter);
    presenter.cancelling();
    presenter.closing('anything');
    const all = out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(all.map(({ type }) => type)).toEqual([
      'deployment.queued',
      'deployment.started',
      'deployment.step',
      'deployment.log',
      'deployment.progress',
      'deployment.log',
      'deployment.step',
      'deployment.step',
      'deployment.log',
      'deployment.step',
      'deployment.rolling-back',
      'deployment.log',
      'deployment.step',
      'result',
    ]);
    for (const each of all.slice(0, -1))
      expect(each).toMatchObject({ deployment: deployment.id, time: expect.any(Number) });
    expect(all.at(-1)).toMatchObject({ exitCode: 1, deployment: { id: deployment.id }, error: { kind: 'unhealthy' } });
    expect(notes()).toBe('');
  });
});
