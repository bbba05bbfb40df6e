import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { countListeners } from '../../../../test/support/listeners.js';
import { onAbort, untilAborted } from './on-abort.js';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('many waits under one signal', () => {
  it('are one listener of it, and none when they are over', () => {
    const { signal } = new AbortController();
    const lettingGo = Array.from({ length: 20 }, () => onAbort(signal, () => {}));
    expect(listeners(signal)).toBe(1);
    for (const letGo of lettingGo) letGo();
    expect(listeners(signal)).toBe(0);
  });

  it('are all told of its abort, those that let go not', () => {
    const controller = new AbortController();
    const told: string[] = [];
    onAbort(controller.signal, () => told.push('a'));
    onAbort(controller.signal, () => told.push('b'))();
    onAbort(controller.signal, () => told.push('c'));
    controller.abort();
    onAbort(controller.signal, () => told.push('late'));
    expect(told).toEqual(['a', 'c', 'late']);
  });
});

describe('work that is waited for until an abort', () => {
  it('is answered, or broken off with it, and leaves no listener either way', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    expect(await untilAborted(Promise.resolve('done'), signal, () => 'aborted')).toBe('done');
    await expect(untilAborted(Promise.reject(new Error('broken')), signal, () => 'aborted')).rejects.toThrow('broken');
    expect(listeners(signal)).toBe(0);
    const waiting = untilAborted(new Promise<string>(() => {}), signal, () => 'aborted');
    controller.abort();
    expect(await waiting).toBe('aborted');
    expect(await untilAborted(new Promise<string>(() => {}), signal, () => 'aborted')).toBe('aborted');
    expect(listeners(signal)).toBe(0);
  });
});

it.each(['is aborted', 'is not aborted'])(
  'takes its listener off a signal that %s, once nobody listens any more',
  (how) => {
    const controller = new AbortController();
    const { signal } = controller;
    const listening = countListeners(signal);
    const lettingGo = [onAbort(signal, () => {}), onAbort(signal, () => {})];
    expect(listening.now).toBe(1);
    if (how === 'is aborted') controller.abort();
    for (const letGo of lettingGo) letGo();
    expect(listening.now).toBe(0);
  },
);
