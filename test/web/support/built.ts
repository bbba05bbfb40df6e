/** The page as its package builds it, made anew: a page of yesterday would pass today's scenarios. */
import { fileURLToPath } from 'node:url';

const platform = fileURLToPath(new URL('../../../examples/platform/', import.meta.url));

export async function buildPage(): Promise<void> {
  const { build } = await import('vite');
  await build({ root: `${platform}web`, configFile: `${platform}vite.config.ts`, logLevel: 'warn' });
}
