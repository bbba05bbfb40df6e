import type { ClockSubject, Harness } from '@quayside/core/testing';
import { acmeClock } from './adapter.js';

/** What one law works with. Where time is virtual, `pass` moves it on. */
export async function openSubject(): Promise<Harness<ClockSubject>> {
  return {
    clock: acmeClock(),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    close: async () => {},
  };
}
