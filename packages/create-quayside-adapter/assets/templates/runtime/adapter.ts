import { type ContainerRuntime, check, duration } from '@quayside/core/ports';
import { z } from 'zod';
import { next, nextIs } from '../not-implemented.js';

const Options = z.strictObject({
  /** Where the engine listens. */
  url: z.url().default('http://127.0.0.1:8080'),
  /** How long the engine may take to answer, beyond what it was asked to wait for. */
  answerTimeout: duration().default(30_000),
});

export type AcmeRuntimeOptions = z.input<typeof Options>;

/** Opens no connection: a wrong option fails here, an absent engine fails the first call. */
export const acmeRuntime = (options: AcmeRuntimeOptions = {}) =>
  check('invalid-options', Options, options, 'acmeRuntime').map(
    (_options): ContainerRuntime => ({
      name: 'acme',

      // Who the engine is, and how an instance is reached: the deployer asks first.
      describe: () => next('`describe`'),

      // Images: what a tag means at the registry, what the engine has, and how it comes and goes.
      resolve: () => next('`resolve`'),
      pull: () => next('`pull`'),
      image: () => next('`image`'),
      removeImage: () => next('`removeImage`'),

      // Containers, from their creation to their removal: each only while it carries the owner that is given.
      create: () => next('`create`'),
      inspect: () => next('`inspect`'),
      start: () => next('`start`'),
      stop: () => next('`stop`'),
      remove: () => next('`remove`'),
      list: () => next('`list`'),

      // Networks; `connect` is optional.
      ensureNetwork: () => next('`ensureNetwork`'),
      removeNetwork: () => next('`removeNetwork`'),

      // biome-ignore lint/correctness/useYield: there is nothing to give yet
      async *logs() {
        nextIs('`logs`');
      },

      // Optional, and worth having: connect, watch, exec, runToEnd, statistics, parseOptions, close.
    }),
  );
