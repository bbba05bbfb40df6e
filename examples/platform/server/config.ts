/** What is deployed, from a file of the operator's: JSON, or a module whose default export it is, for what comes from the environment. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ProjectMap, Settings } from '@quayside/core';
import type { TriggersOptions } from '@quayside/trigger-adapter';
import { z } from 'zod';
import { SettingsError } from './settings.js';

export interface PlatformConfig {
  readonly settings?: Settings | undefined;
  readonly projects: ProjectMap;
  /** Webhooks and the poller, as `triggers` of `@quayside/trigger-adapter` takes them. Without it only people and scripts deploy. */
  readonly triggers?: Pick<TriggersOptions, 'watch' | 'sources' | 'poll' | 'gather'> | undefined;
}

// What is in these is checked by whoever takes it: `createDeployer` and `triggers` name each wrong field.
const part = <T>(what: string) =>
  z.custom<T>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), `expected ${what}`);

const Config = z.strictObject({
  settings: part<Settings>('settings by name').optional(),
  projects: part<ProjectMap>('projects by name'),
  triggers: part<NonNullable<PlatformConfig['triggers']>>('the options of the triggers').optional(),
});

/** @throws SettingsError that names the file and each wrong part of it */
export async function readConfig(path: string): Promise<PlatformConfig> {
  const absolute = resolve(path);
  const content = await load(absolute).catch((thrown: unknown) => {
    throw new SettingsError(`${absolute} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  });
  const parsed = Config.safeParse(content);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path: at, message }) => `  ${at.join('.') || 'the whole'}: ${message}`);
  throw new SettingsError(`${absolute} is no configuration:\n${lines.join('\n')}`);
}

async function load(path: string): Promise<unknown> {
  if (path.endsWith('.json')) return JSON.parse(await readFile(path, 'utf8'));
  return ((await import(pathToFileURL(path).href)) as { default?: unknown }).default;
}
