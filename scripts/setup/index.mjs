/**
 * What a script of this repository needs before it can begin, from nothing but Node and npm: `npm test` and `npm run demo` call
 * it, and say line by line what is being done. Imports Node's own modules only, since there may be no `node_modules` yet.
 *
 *   import { setUp } from './setup/index.mjs';
 *
 *   const workshop = await setUp({ build: true, engine: true, tools: ['docker-registry', 'busybox-static'] });
 *   try {
 *     // Only from here on: import what needs node_modules or dist, with `await import(…)`.
 *     await workshop.engine.socketPath;          // '/var/run/docker.sock', an engine of this machine that answers
 *     await workshop.run('node', ['…'], { limitMs: 60_000 });  // `run` of process.mjs, with DOCKER_HOST naming that engine
 *   } finally {
 *     await workshop.close();                    // stops the engine, if it was started here; nothing else
 *   }
 *
 * What cannot be seen to is a `SetupError` with a `message` and a `hint`; `explain(error)` (say.mjs) is the text to print for
 * it. On Ctrl-C (SIGINT), SIGTERM and SIGHUP `setUp` itself ends the children of `run`, closes the workshop and leaves with
 * 128 + the signal's number; a script that has to clean up first passes `onInterrupt`, awaited before that (at most 20 s).
 */
import { buildAll } from '../build.mjs';
import { installPackages } from './debian.mjs';
import { checkNode, installDependencies } from './dependencies.mjs';
import { DEFAULT_SOCKET, ensureEngine } from './engine.mjs';
import { endAll, pause, run } from './process.mjs';
import { SetupError, say } from './say.mjs';

export { explain, SetupError, say } from './say.mjs';

const INTERRUPT_LIMIT_MS = 20_000;

/** What the integration tests start beside the engine. */
export const TEST_TOOLS = [
  'docker-registry',
  'nginx-light',
  'haproxy',
  'busybox-static',
  'openssl',
  'postgresql',
  'iproute2',
  'python3',
  'chromium',
];

/**
 * @param {object} [options]
 * @param {boolean | readonly string[]} [options.build] whether the packages are built, or which (folders below `packages`, with
 *   what they need); default no
 * @param {boolean} [options.engine] whether a container engine is needed; default no
 * @param {readonly string[]} [options.tools] Debian packages that must be there, keys of `packages` in debian.mjs; default none
 * @param {readonly string[]} [options.wishes] those that are installed where that is possible, and done without elsewhere; default none
 * @param {() => Promise<void>} [options.onInterrupt] what to do first on these signals
 * @param {number} [options.graceMs] how long children have to clear up on these signals before they are killed; default 2 000
 * @returns {Promise<{ engine: import('./engine.mjs').Engine | undefined, run: typeof run, close: () => Promise<void> }>}
 */
export async function setUp(options = {}) {
  const { build = false, engine = false, tools = [], wishes = [], onInterrupt = async () => {}, graceMs } = options;
  checkNode();
  let found;
  const close = async () => {
    release();
    await found?.stop();
  };
  const release = onSignals(async () => {
    await Promise.race([onInterrupt(), pause(INTERRUPT_LIMIT_MS)]);
    await endAll(graceMs);
    await close();
  });
  try {
    await both(installDependencies(), installTools(tools, wishes));
    if (engine) {
      found = await ensureEngine((started) => {
        found = started;
      });
    }
    if (build && !(await buildAll(build === true ? [] : build)).ok) {
      throw new SetupError('The packages do not build.', 'Mend what is printed above, then run this again.');
    }
  } catch (error) {
    await close();
    throw error;
  }
  // The default needs no name, and whoever tests how names are read finds the environment as it was.
  const env = found && found.socketPath !== DEFAULT_SOCKET ? { DOCKER_HOST: `unix://${found.socketPath}` } : {};
  return {
    engine: found,
    close,
    run: (command, args, options = {}) => run(command, args, { ...options, env: { ...env, ...options.env } }),
  };
}

async function installTools(tools, wishes) {
  if (tools.length > 0) await installPackages(tools, 'Missing on this machine:');
  for (const wish of wishes) await installPackages([wish], 'Does without').catch((error) => say(error.message));
}

/** Side by side, since each waits for a server of its own. Neither is left behind where the other fails. */
async function both(...tasks) {
  const failed = (await Promise.allSettled(tasks)).find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

/** Runs the clean-up once on the first signal, and leaves as a shell expects; a second signal leaves at once. */
function onSignals(cleanUp) {
  let begun = false;
  const handlers = [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ].map(([signal, code]) => {
    const handler = () => {
      if (begun) process.exit(code);
      begun = true;
      say(`${signal}: ends`);
      cleanUp()
        .catch(() => {})
        .finally(() => process.exit(code));
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const off of handlers) off();
  };
}
