/**
 * An engine of one's own, to be broken: a dockerd with its own socket, folders and networks, which is killed, frozen or started again
 * by its process id. Needs root, and Linux.
 *
 * Its data is on a file system in memory: quick, of a size that a test can fill, and gone with it. It touches no firewall rules: containers are
 * reached from this machine by their addresses, and need nothing from elsewhere. One with a network of its own may: what it sets up there, a
 * swarm's bridges and rules too, is nobody else's.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { eventually } from './engine.js';
import { end } from './registry.js';

export interface PrivateEngine extends AsyncDisposable {
  readonly socketPath: string;
  /** What a command begins with to run in its network: empty where that is this machine's. */
  readonly within: readonly string[];
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Ends it in order, its containers first unless they live on without it. */
  terminate(): Promise<void>;
  /** Starts it again. @param keepsContainers whether containers live on while it is away (`live-restore`), from now on; default as before */
  start(keepsContainers?: boolean): Promise<void>;
  /** It takes connections, and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Leaves no space on its disk, but for so many bytes; default none. */
  fill(leftBytes?: number): void;
  /** Gives the space back. */
  empty(): void;
  /** Ends it and everything that it has started, and removes its files. May be called again. */
  remove(): Promise<void>;
}

/** Enough for some small images, and soon full. */
const DISK_BYTES = 384 * 1024 * 1024;

/** Whether one can be had here. */
export const canHaveEngine = (): boolean =>
  process.platform === 'linux' && process.getuid?.() === 0 && program('dockerd') !== undefined;

interface EngineOptions {
  /** Default no. */
  readonly keepsContainers?: boolean;
  /** Whether it has a network of its own, with a loopback and nothing else; default no. */
  readonly isApart?: boolean;
  /** Default enough for some small images. */
  readonly diskBytes?: number;
}

export async function startPrivateEngine(options: EngineOptions = {}): Promise<PrivateEngine> {
  // Short: the path of a socket has at most 107 characters.
  const directory = mkdtempSync(join(tmpdir(), 'qse-'));
  const disk = join(directory, 'data');
  const execRoot = join(directory, 'exec');
  const ballast = join(disk, 'ballast');
  const socketPath = join(directory, 'docker.sock');
  const logPath = join(directory, 'dockerd.log');
  // One of its own: told to do without (`none`), a dockerd takes `docker0` away from the engine that has it. So does one that is started
  // again and has been given address pools (moby 20.10, daemon_unix.go, initNetworkController): it finds free ones by itself.
  const bridge = `qsb${randomBytes(4).toString('hex')}`;
  // Not by `ip netns exec`: that hides the control groups.
  const within = options.isApart ? ['nsenter', `--net=/var/run/netns/${bridge}`] : [];
  if (options.isApart) {
    execFileSync('ip', ['netns', 'add', bridge]);
    execFileSync('ip', ['-n', bridge, 'link', 'set', 'lo', 'up']);
  } else {
    execFileSync('ip', ['link', 'add', 'name', bridge, 'type', 'bridge']);
    execFileSync('ip', ['address', 'add', `10.232.${randomBytes(1)[0]}.1/24`, 'dev', bridge]);
    execFileSync('ip', ['link', 'set', bridge, 'up']);
  }
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${options.diskBytes ?? DISK_BYTES}`, 'tmpfs', disk]);
  let daemon: ChildProcess | undefined;
  let keepsContainers = options.keepsContainers ?? false;

  const start: PrivateEngine['start'] = async (keeps = keepsContainers) => {
    keepsContainers = keeps;
    const log = openSync(logPath, 'a');
    const onOurNetwork = ['--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false'];
    const [command = '', ...args] = [...within, program('dockerd') ?? 'dockerd'];
    const child = spawn(
      command,
      [
        ...args,
        ...['--host', `unix://${socketPath}`, '--data-root', disk, '--exec-root', execRoot],
        ...['--pidfile', join(directory, 'docker.pid')],
        ...(options.isApart ? [] : ['--bridge', bridge, ...onOurNetwork]),
        ...(keepsContainers ? ['--live-restore'] : []),
      ],
      // A session of its own: Ctrl-C on the terminal is for the tests, which still need it to clean up.
      { detached: true, stdio: ['ignore', log, log], cwd: '/' },
    );
    daemon = child;
    await eventually(
      'the private engine answers',
      async () => {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`dockerd ended: ${readFileSync(logPath, 'utf8').split('\n').slice(-15).join('\n')}`);
        return answers(socketPath);
      },
      60_000,
    );
  };
  const kill = async () => {
    const child = daemon;
    daemon = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    signal(child.pid, 'SIGCONT');
    signal(child.pid, 'SIGKILL');
    await ended;
    // Its containerd dies with it. Where nobody reaps that, the next dockerd would take its number for a living one, and wait.
    const pidPath = join(execRoot, 'containerd/containerd.pid');
    const pid = existsSync(pidPath) ? readFileSync(pidPath, 'utf8').trim() : '';
    await eventually('its containerd has ended', () => commandLine(pid) === '');
    rmSync(pidPath, { force: true });
  };
  const terminate = async () => {
    const child = daemon;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    signal(child.pid, 'SIGCONT');
    await end(child, 20_000);
    daemon = undefined;
  };
  /** By force, and at once: also when this process ends without having removed it. */
  const wreck = () => {
    if (!existsSync(directory)) return;
    if (daemon?.pid !== undefined) signal(daemon.pid, 'SIGKILL');
    const shims = ownProcesses(execRoot);
    for (const pid of [...shims.flatMap(childrenOf), ...shims]) signal(pid, 'SIGKILL');
    // Those of a network apart go with it.
    for (const name of options.isApart ? [] : [bridge, ...bridgesOf(disk)])
      quietly(() => execFileSync('ip', ['link', 'delete', name], { stdio: 'ignore' }));
    for (const path of mountsBelow(directory)) quietly(() => execFileSync('umount', ['-l', path], { stdio: 'ignore' }));
    if (options.isApart) quietly(() => execFileSync('ip', ['netns', 'delete', bridge], { stdio: 'ignore' }));
    quietly(() => rmSync(directory, { recursive: true, force: true }));
  };
  const remove = async () => {
    process.off('exit', wreck);
    if (!existsSync(directory)) return;
    rmSync(ballast, { force: true });
    // What it has made outside of its folders it takes away best itself.
    if (daemon?.pid !== undefined) signal(daemon.pid, 'SIGCONT');
    await emptied(socketPath).catch(() => undefined);
    await terminate();
    wreck();
  };
  process.on('exit', wreck);
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    socketPath,
    within,
    start,
    kill,
    terminate,
    freeze: () => daemon?.pid !== undefined && signal(daemon.pid, 'SIGSTOP'),
    thaw: () => daemon?.pid !== undefined && signal(daemon.pid, 'SIGCONT'),
    fill(leftBytes = 0) {
      const { bavail, bsize } = statfsSync(disk);
      const bytes = bavail * bsize - leftBytes;
      if (bytes > 0) writeFileSync(ballast, Buffer.alloc(bytes));
    },
    empty: () => rmSync(ballast, { force: true }),
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/_ping', timeout: 2_000, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode === 200));
      response.on('error', () => resolve(false));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });
}

/** Processes whose command line names the folder. */
const ownProcesses = (folder: string): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && commandLine(entry).includes(folder))
    .map(Number);

const childrenOf = (pid: number): number[] => {
  const list = `/proc/${pid}/task/${pid}/children`;
  return existsSync(list) ? readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number) : [];
};

/** The interfaces of its networks: they are called after the ids that its own records have. */
function bridgesOf(disk: string): string[] {
  const records = join(disk, 'network/files/local-kv.db');
  if (!existsSync(records)) return [];
  const known = readFileSync(records, 'latin1');
  return readdirSync('/sys/class/net').filter((name) => name.startsWith('br-') && known.includes(name.slice(3)));
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Gone by itself, or nothing that we could do about it.
  }
}

/** Empty of one that is gone, or dead and not reaped. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Removes every container and network. */
async function emptied(socketPath: string): Promise<void> {
  const docker = new Docker({ socketPath, host: '', timeout: 20_000 });
  for (const { Id } of await docker.listContainers({ all: true }))
    await docker.getContainer(Id).remove({ force: true, v: true });
  await docker.pruneNetworks();
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone by itself.
  }
}

/** The deepest first. */
const mountsBelow = (folder: string): string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse();

/** A login shell of an ordinary user leaves the system's folders out, and there dockerd lives. */
const program = (name: string): string | undefined =>
  [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
