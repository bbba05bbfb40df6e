import { ok, type Result } from 'neverthrow';
import type { z } from 'zod';
import type { InvalidError } from '../domain/errors.js';
import { check } from '../ports/kit.js';
import type { ContributedAdapters, Plugin, PluginHost, SetupAnswer } from './types.js';

interface Named {
  /** Lower case letters, digits and dashes, at most 40, beginning with a letter. Unique among a deployer's plugins. */
  readonly name: string;
  /**
   * Semantic: `1.4.2`. What its steps have written into a journal is undone by any version of the same major number (of `0.x` the same minor
   * one), so raise that where an older `undo` could not read a newer intent, or the other way round.
   */
  readonly version: string;
  /** Names of plugins that come before it: they are set up first, and what they put at the same place runs first. */
  readonly after?: readonly string[];
  /** For configurations in JSON: `"proxy": { "adapter": "name", … }`. */
  readonly adapters?: ContributedAdapters;
}

/** A plugin without options. */
export interface PluginDefinition extends Named {
  readonly options?: never;
  /**
   * Called once, before the deployer opens its store: it says what the plugin does. What it throws, and 30 s without an end, is an error of
   * the configuration.
   */
  setup(host: PluginHost): SetupAnswer;
}

/** A plugin with options, checked by a schema of zod. */
export interface PluginWithOptions<Schema extends z.ZodType> extends Named {
  readonly options: Schema;
  /** See `PluginDefinition`. */
  setup(host: PluginHost, options: z.output<Schema>): SetupAnswer;
}

/** From options to the plugin; wrong ones are named with all that is wrong with the configuration. */
export type PluginFactory<Schema extends z.ZodType> = (
  ...options: undefined extends z.input<Schema> ? [options?: z.input<Schema>] : [options: z.input<Schema>]
) => Result<Plugin, InvalidError<'invalid-options'>>;

/**
 * Defines a plugin. Without a schema for options it answers the plugin itself, with one a function from options to it:
 *
 * ```ts
 * const talkative = definePlugin({
 *   name: 'talkative',
 *   version: '1.0.0',
 *   setup(host) {
 *     host.before('cutover', ({ log, tag }) => log.info(`${tag} is about to go live.`));
 *   },
 * });
 * ```
 */
export function definePlugin(definition: PluginDefinition): Plugin;
export function definePlugin<Schema extends z.ZodType>(definition: PluginWithOptions<Schema>): PluginFactory<Schema>;
export function definePlugin(
  definition: PluginDefinition | PluginWithOptions<z.ZodType>,
): Plugin | PluginFactory<z.ZodType> {
  const { name, version, after = [], adapters = {} } = definition;
  if (!definition.options) return { name, version, after, adapters, setup: (host) => definition.setup(host) };
  const { options: schema } = definition;
  return (given?: unknown) =>
    check('invalid-options', schema, given, name).andThen((options) =>
      ok({ name, version, after, adapters, setup: (host: PluginHost) => definition.setup(host, options) }),
    );
}
