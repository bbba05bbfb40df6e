/**
 * Sees to a container engine: one that answers is used as it is; else, for root on Debian or Ubuntu, Debian's own is installed
 * and started for as long as the script runs.
 *
 * Only engines of this machine count, over a Unix socket: tests and demo reach containers by their addresses and push to a
 * registry on loopback.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages, isDebian, isRoot } from './debian.mjs';
import { environment, pause, run, which } from './process.mjs';
import { SetupError, say, since } from './say.mjs';

export const DEFAULT_SOCKET = '/var/run/docker.sock';
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 30_000;

/**
 * @typedef {object} Engine
 * @property {string} socketPath
 * @property {boolean} started whether we started it
 * @property {() => Promise<void>} stop ends it where we started it; may be called again
 */

/**
 * An engine that answers.
 *
 * @param {(engine: Engine) => void} [onStart] told of an engine that was started before it answers, so that an interruption
 *   can stop it
 * @returns {Promise<Engine>}
 */
export async function ensureEngine(onStart = () => {}) {
  const found = await findEngine();
  if (found) {
    say(`uses the Docker engine ${found.version} at ${found.socketPath}`);
    return { socketPath: found.socketPath, started: false, stop: async () => {} };
  }
  if (!isDebian() || !isRoot()) {
    throw new SetupError(
      'No Docker engine answers on this machine, and one can be started only by root on Debian or Ubuntu.',
      'Start Docker (or name its socket: DOCKER_HOST=unix:///path/to/docker.sock), then run this again.',
    );
  }
  await installPackages(['docker.io', 'iptables', 'ca-certificates'], 'A Docker engine needs');
  await mountCgroups();
  return startEngine(onStart);
}

/**
 * The first that answers of: `DOCKER_HOST`, the current context, the default socket, the rootless one. A `DOCKER_HOST` that was
 * set and does not answer is an error and no reason to take another, unless it names the default.
 */
export async function findEngine() {
  const named = process.env.DOCKER_HOST;
  if (named) {
    const socketPath = socketOf(named);
    if (socketPath === undefined) {
      throw new SetupError(
        `DOCKER_HOST is ${named}: tests and demo need an engine on this machine, over a Unix socket.`,
        'Set DOCKER_HOST=unix:///path/to/docker.sock, or unset it.',
      );
    }
    const version = await ask(socketPath);
    if (version === undefined && socketPath !== DEFAULT_SOCKET && socketPath !== '/run/docker.sock') {
      throw new SetupError(
        `DOCKER_HOST is ${named}, and no engine answers there.`,
        'Start it, or unset DOCKER_HOST to have one found or started.',
      );
    }
    return version && { socketPath, version };
  }
  const rootless = process.env.XDG_RUNTIME_DIR && join(process.env.XDG_RUNTIME_DIR, 'docker.sock');
  for (const socketPath of [contextSocket(), DEFAULT_SOCKET, rootless, join(homedir(), '.docker/run/docker.sock')]) {
    const version = socketPath && (await ask(socketPath));
    if (version) return { socketPath, version };
  }
  return undefined;
}

/** The engine's version, if one answers within five seconds. */
function ask(socketPath) {
  if (!existsSync(socketPath)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/version', timeout: 5_000, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
      });
      response.on('error', () => resolve(undefined));
      response.on('end', () => {
        try {
          resolve(JSON.parse(body).Version);
        } catch {
          resolve(undefined);
        }
      });
    });
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', () => resolve(undefined));
    call.end();
  });
}

const socketOf = (host) => (host.startsWith('unix://') ? host.slice('unix://'.length) : undefined);

/** The socket of the context that `docker context use` chose, if it has one. */
function contextSocket() {
  const directory = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker');
  try {
    const name = process.env.DOCKER_CONTEXT ?? readJson(join(directory, 'config.json')).currentContext;
    if (!name || name === 'default') return undefined;
    const id = createHash('sha256').update(name).digest('hex');
    return socketOf(readJson(join(directory, 'contexts/meta', id, 'meta.json')).Endpoints.docker.Host);
  } catch {
    // No docker client was ever set up here.
    return undefined;
  }
}

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Some machines come without the cgroup file systems that an engine needs; Debian has a script for it. */
async function mountCgroups() {
  if (/\bcgroup2? /.test(readFileSync('/proc/mounts', 'utf8'))) return;
  await installPackages(['cgroupfs-mount'], 'A Docker engine needs');
  const { code, output } = await run('cgroupfs-mount', [], { quiet: true, limitMs: 30_000 });
  if (code !== 0) {
    throw new SetupError(
      `The cgroup file systems could not be mounted: ${output.trim()}`,
      'Start a Docker engine yourself, then run this again.',
    );
  }
}

async function startEngine(onStart) {
  const directory = mkdtempSync(join(tmpdir(), 'quayside-engine-'));
  const logPath = join(directory, 'dockerd.log');
  say(`starts a Docker engine (log: ${logPath})`);
  const startMs = performance.now();
  forgetDeadContainerd();
  const log = openSync(logPath, 'a');
  const child = spawn(
    which('dockerd'),
    // A pid file of an engine that died with the machine can name a process of today: ours is new.
    ['--host', `unix://${DEFAULT_SOCKET}`, '--pidfile', join(directory, 'docker.pid')],
    // A session of its own: Ctrl-C on the terminal is for the tests, which still need the engine to clean up.
    { detached: true, stdio: ['ignore', log, log], env: environment(), cwd: '/' },
  );
  closeSync(log);
  child.unref();
  let ended = false;
  const markEnded = () => {
    ended = true;
  };
  child.once('error', markEnded);
  child.once('exit', markEnded);

  const stop = async () => {
    if (!ended) {
      say('stops the Docker engine that it started');
      child.kill('SIGTERM');
      const endMs = performance.now() + STOP_LIMIT_MS;
      while (!ended && performance.now() < endMs) await pause(50);
      if (!ended) child.kill('SIGKILL');
    }
    rmSync(directory, { recursive: true, force: true });
  };
  const engine = { socketPath: DEFAULT_SOCKET, started: true, stop };
  onStart(engine);
  while (performance.now() - startMs < START_LIMIT_MS) {
    const version = !ended && (await ask(DEFAULT_SOCKET));
    if (version) {
      say(`the Docker engine ${version} answers (${since(startMs)})`);
      return engine;
    }
    if (ended) break;
    await pause(100);
  }
  const how = ended ? 'ended at once' : `did not answer within ${START_LIMIT_MS / 1000} s`;
  const lastLines = readFileSync(logPath, 'utf8').trim().split('\n').slice(-15).join('\n');
  await stop();
  throw new SetupError(
    `The Docker engine ${how}. Its last lines:\n${lastLines}`,
    'Start a Docker engine yourself, then run this again.',
  );
}

/** As with the pid file: dockerd would take any process of that number for its containerd, and wait for it. */
function forgetDeadContainerd() {
  const pidPath = '/var/run/docker/containerd/containerd.pid';
  if (!existsSync(pidPath)) return;
  const pid = readFileSync(pidPath, 'utf8').trim();
  try {
    if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'containerd') return;
  } catch {
    // No such process.
  }
  rmSync(pidPath, { force: true });
}
