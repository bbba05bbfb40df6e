import type { DeployerOptions } from '@quayside/core';
import { describe, expect, it } from 'vitest';
import { drainTimeoutOf } from './session.js';

const options = (fields: object) => fields as DeployerOptions;

describe('how long the closing waits', () => {
  it('is the longest drainTimeout that is configured, or the default', () => {
    const stages = { dev: {}, prod: { drainTimeout: '2m' } };
    expect(drainTimeoutOf(options({ projects: {} }))).toBe(30_000);
    expect(drainTimeoutOf(options({ projects: {}, settings: { drainTimeout: '5s' } }))).toBe(5_000);
    expect(drainTimeoutOf(options({ projects: { shop: { stages } }, settings: { drainTimeout: 5_000 } }))).toBe(
      120_000,
    );
    expect(drainTimeoutOf(options({ projects: { shop: { drainTimeout: 60_000, stages: {} } } }))).toBe(60_000);
    expect(drainTimeoutOf(options({ projects: () => undefined }))).toBe(30_000);
  });
});
