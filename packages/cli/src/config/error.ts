import type { InvalidError, Issue } from '@quayside/core';
import { invalid } from '@quayside/core/ports';

/** What is wrong with the configuration; with its file, where one was found. */
export type ConfigError = InvalidError<'invalid-config'> & { readonly file?: string };

export const configError = (issues: readonly Issue[], file?: string, cause?: unknown): ConfigError => ({
  ...invalid('invalid-config', issues),
  ...(file === undefined ? {} : { file }),
  ...(cause === undefined ? {} : { cause }),
});
