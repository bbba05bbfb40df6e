import { check, duration, type ProxyManager } from '@quayside/core/ports';
import { z } from 'zod';
import { next } from '../not-implemented.js';

const Options = z.strictObject({
  /** Where the proxy is configured. */
  url: z.url().default('http://127.0.0.1:9000'),
  /** Where requests come in: what a proof looks through. */
  frontDoor: z.url().default('http://127.0.0.1:8080'),
  /** How long the proxy may take to answer a call. */
  answerTimeout: duration().default(10_000),
});

export type AcmeProxyOptions = z.input<typeof Options>;

/** Opens no connection: a wrong option fails here, an absent proxy fails the first call. */
export const acmeProxy = (options: AcmeProxyOptions = {}) =>
  check('invalid-options', Options, options, 'acmeProxy').map(
    (_options): ProxyManager => ({
      name: 'acme',
      // Say what it can do only when it does: each brings laws of its own.
      capabilities: {
        acceptsUnready: false,
        weights: false,
        expect: false,
        streamsSurviveWrite: false,
        sticky: false,
        holding: false,
        maxTargets: 1,
      },
      writes: 'serial',

      // Who the proxy is, and what it reaches: the deployer asks first.
      describe: () => next('`describe`'),

      // A route is a domain, a mark of ours, and where it leads to.
      get: () => next('`get`'),
      put: () => next('`put`'),
      prove: () => next('`prove`'),
      remove: () => next('`remove`'),
      list: () => next('`list`'),

      // Optional, and worth having: inFlight, statistics, parseOptions, close.
    }),
  );
