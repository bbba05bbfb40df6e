import { describe, expect, it } from 'vitest';
import { Interrupts } from './interrupts.js';
import type { Io } from './io.js';

function pressed() {
  const left: number[] = [];
  let press = () => {};
  const io = {
    onInterrupt: (listener: () => void) => {
      press = listener;
      return () => {
        press = () => {};
      };
    },
    leave: (code: number) => left.push(code),
  } as unknown as Io;
  const interrupts = new Interrupts(io);
  return { interrupts, left, press: () => press() };
}

describe('Ctrl-C', () => {
  it('asks for the end first, and leaves the second time', () => {
    const { interrupts, left, press } = pressed();
    const told: string[] = [];
    interrupts.onFirst = () => told.push('first');
    interrupts.onLeave = () => 3;
    press();
    expect([interrupts.signal.aborted, told, left]).toEqual([true, ['first'], []]);
    press();
    expect([told, left]).toEqual([['first'], [3]]);
  });

  it('hurries the closing when the verdict is out, and leaves the next time', () => {
    const { interrupts, left, press } = pressed();
    const told: string[] = [];
    interrupts.onOver = () => told.push('hurry');
    interrupts.onLeave = () => 0;
    press();
    expect([told, left]).toEqual([['hurry'], []]);
    press();
    expect([told, left]).toEqual([['hurry'], [0]]);
  });

  it('is nobody’s any more once the command is done', () => {
    const { interrupts, left, press } = pressed();
    interrupts.stop();
    press();
    expect([interrupts.signal.aborted, left]).toEqual([false, []]);
  });
});
