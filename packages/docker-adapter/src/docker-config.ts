/** The docker command's own configuration, `config.json` in `DOCKER_CONFIG` or `~/.docker`, as far as we read it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';

const text = z.string().optional().catch(undefined);

const DockerConfig = z.object({
  auths: z.record(z.string(), z.object({ auth: text, identitytoken: text, username: text, password: text })).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: text,
  currentContext: text,
});

export type DockerConfig = z.infer<typeof DockerConfig>;

export interface ConfigPlace {
  readonly env: { readonly [name: string]: string | undefined };
  readonly home: string;
}

export const configDirectory = ({ env, home }: ConfigPlace): string => env['DOCKER_CONFIG'] || join(home, '.docker');

/** Undefined where there is no such file; the error is the file's path, where it cannot be read as what it should be. */
export async function readDockerConfig(place: ConfigPlace): Promise<Result<DockerConfig | undefined, string>> {
  const path = join(configDirectory(place), 'config.json');
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? ok(undefined) : err(path);
  }
  return parseDockerConfig(content).mapErr(() => path);
}

export function parseDockerConfig(content: string): Result<DockerConfig, 'malformed'> {
  try {
    const parsed = DockerConfig.safeParse(JSON.parse(content));
    return parsed.success ? ok(parsed.data) : err('malformed');
  } catch {
    return err('malformed');
  }
}
