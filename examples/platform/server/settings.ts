/** What the host is told by its environment. Everything that is wrong with it is told at once, and no value that may be a secret. */
import { z } from 'zod';

const text = (what: string) =>
  z
    .string({ error: `expected ${what}` })
    .trim()
    .min(1, `expected ${what}`);
const port = (fallback: number) =>
  z
    .string()
    .regex(/^\d{1,5}$/, 'expected a port')
    .transform(Number)
    .pipe(z.int().max(65_535, 'expected a port'))
    .default(fallback);

const Environment = z.object({
  /** What people sign in with, and what scripts send as `Authorization: Bearer …`. */
  QUAYSIDE_TOKEN: text('a token of 20 characters or more: openssl rand -base64 24').min(
    20,
    'expected 20 characters or more: openssl rand -base64 24',
  ),
  /** A module or a JSON file with your settings, projects and triggers: see config.ts. */
  QUAYSIDE_CONFIG: text('the path of a file with your settings and projects'),
  /** The folder of the store. */
  QUAYSIDE_DATA: text('a folder').default('data'),
  /** Keys that seal what the store keeps of secrets, the newest first, parted by commas. */
  QUAYSIDE_KEYS: text('keys of 32 bytes: openssl rand -base64 32').optional(),
  HOST: text('an address to listen on').default('127.0.0.1'),
  PORT: port(4000),
  /** Where a domain is visited: `https://{domain}`. */
  VISIT_URL: text('an address with {domain} in it')
    .includes('{domain}', { error: 'expected {domain} in it' })
    .optional(),
  /** The network of the engine that instances are put on. */
  NETWORK: text("a network's name").optional(),
  /** `yes`: this host runs in a container on NETWORK, and reaches what is deployed by its name there. */
  ON_NETWORK: z.enum(['yes', 'no'], 'expected yes or no').default('no'),
  /** Nginx Proxy Manager. Without it the embedded proxy serves, on PROXY_HOST and PROXY_PORT. */
  NPM_URL: text('an address such as http://npm:81').optional(),
  NPM_IDENTITY: text('an e-mail address').optional(),
  NPM_SECRET: text('a password').optional(),
  NPM_FRONT_DOOR: text('an address such as http://npm').optional(),
  PROXY_HOST: text('an address to listen on').default('127.0.0.1'),
  PROXY_PORT: port(8080),
});

export type PlatformSettings = z.output<typeof Environment>;

const Complete = Environment.superRefine((values, context) => {
  if (values.ON_NETWORK === 'yes' && values.NETWORK === undefined)
    context.addIssue({ code: 'custom', path: ['NETWORK'], message: 'expected too, since ON_NETWORK is set' });
  if (values.NPM_URL === undefined) return;
  for (const name of ['NPM_IDENTITY', 'NPM_SECRET'] as const)
    if (values[name] === undefined)
      context.addIssue({ code: 'custom', path: [name], message: 'expected too, since NPM_URL is set' });
});

export class SettingsError extends Error {}

/** @throws SettingsError with a line for each variable that is wrong */
export function readSettings(environment: NodeJS.ProcessEnv): PlatformSettings {
  // Compose files give what is not set as an empty text.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = Complete.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
  throw new SettingsError(`The host cannot start with this environment:\n${lines.join('\n')}`);
}
