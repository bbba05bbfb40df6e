import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import Docker from 'dockerode';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));
// What is not built yet is built first.
const LIMIT_MS = 180_000;

/** @param interruptAt the output after which Ctrl-C is pressed */
function play(interruptAt?: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let isInterrupted = false;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (interruptAt === undefined || isInterrupted || !output.includes(interruptAt)) return;
        isInterrupted = true;
        child.kill('SIGINT');
      });
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** What the engine has under the name that the demo chose, which its network's name tells. */
async function leftOnEngine(output: string) {
  const prefix = /qt-demo-[0-9a-f]{8}/.exec(output)?.[0] ?? 'qt-demo-was-not-told';
  const docker = new Docker({ socketPath: '/var/run/docker.sock', host: '' });
  const [containers, networks, images] = await Promise.all([
    docker.listContainers({ all: true, filters: { label: [`quayside.test=${prefix}`] } }),
    docker.listNetworks({ filters: { name: [prefix] } }),
    docker.listImages({ all: true, filters: { label: [`quayside.test=${prefix}`] } }),
  ]);
  return { prefix, left: [containers.length, networks.length, images.length] };
}

it(
  'shows every scene, without colours in a pipe, and leaves nothing',
  async () => {
    const { code, output } = await play();
    expect(output.trimEnd().split('\n').at(-1), output).toBe('demo: ok, 0 containers, 0 routes, 0 processes left');
    expect(code).toBe(0);
    expect(output).toContain('DATABASE_URL is not set, and I will not guess');
    expect(output).toMatch(/visitor +\d{2,} requests, 0 failed/);
    expect(output).not.toContain('\u001b');
    const { prefix, left } = await leftOnEngine(output);
    expect(prefix).toMatch(/^qt-demo-[0-9a-f]{8}$/);
    expect(left).toEqual([0, 0, 0]);
  },
  LIMIT_MS,
);

it(
  'clears up after Ctrl-C too, and says that it was interrupted',
  async () => {
    const { code, output } = await play('Started shop-dev-v1');
    expect(output.trimEnd().split('\n').at(-1), output).toBe('demo: failed: interrupted');
    expect(code).toBe(130);
    expect(output).toContain('0 containers, 0 networks, 0 images, 0 routes, 0 folders, 0 processes');
    expect((await leftOnEngine(output)).left).toEqual([0, 0, 0]);
  },
  LIMIT_MS,
);
