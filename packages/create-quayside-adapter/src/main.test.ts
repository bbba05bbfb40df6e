import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from './main.js';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'create-adapter-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  argv: readonly string[],
  terminal?: { readonly input: PassThrough; readonly output: PassThrough },
): Promise<Ran> {
  const said = { out: '', err: '' };
  const code = await main(argv, {
    ...(terminal ? { terminal } : {}),
    cwd,
    print: (text) => {
      said.out += text;
    },
    printError: (text) => {
      said.err += text;
    },
  });
  return { code, ...said };
}

/** A terminal at which somebody answers each question as it comes: what to look for, and what to type then. */
function person(answers: readonly (readonly [question: string, keys: string])[]) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const waiting = [...answers];
  let screen = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    const [next] = waiting;
    if (!next || !screen.includes(next[0])) return;
    waiting.shift();
    setImmediate(() => input.write(next[1]));
  });
  return { input, output };
}

const ENTER = '\r';
const DOWN = '\x1b[B';
const CTRL_C = '\x03';

describe('by flags', () => {
  it('makes the package and says how to go on', async () => {
    const { code, out } = await run(['--port', 'store', '--name', 'mongo']);
    expect(code).toBe(0);
    expect(out).toContain('quayside-mongo-store: ');
    expect(out).toContain('  cd quayside-mongo-store\n  npm install\n  npm run next');
    expect(out).toContain('docs/guides/write-a-store.md');
    expect(existsSync(join(cwd, 'quayside-mongo-store/src/index.ts'))).toBe(true);
  });

  it('takes the directory as its argument', async () => {
    expect((await run(['here', '-p', 'ids', '-n', 'snowflake'])).code).toBe(0);
    expect(existsSync(join(cwd, 'here/src/index.ts'))).toBe(true);
  });

  it.each([
    [['--name', 'mongo'], /^--port: expected one of runtime, .*, got nothing\.\nLook at --help\.$/],
    [['--port', 'store'], /^--name: expected lower-case words .*, got nothing\./],
    [['--prot', 'store'], /^Unknown option '--prot'/],
    [['one', 'two', '-p', 'store', '-n', 'mongo'], /^directory: expected one, got one and two\./],
    [['--port', 'shop', '--name', 'mongo'], /^port: expected one of/],
  ])('says what is wrong with %j, and makes nothing', async (argv, message) => {
    expect(await run(argv)).toEqual({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  it('tells its options, ports and version', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    for (const part of ['create-quayside-adapter [directory]', '--package', 'ProxyManager', 'npm create'])
      expect(out).toContain(part);
    expect(out.split('\n').length).toBeLessThanOrEqual(40);
    expect(await run(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  });
});

describe('by questions', () => {
  it('asks for what is not given', async () => {
    const terminal = person([
      ['Which port?', DOWN + ENTER],
      ['For which product?', `kong${ENTER}`],
      ['Into which directory?', ENTER],
    ]);
    expect(await run([], terminal)).toMatchObject({ code: 0, out: expect.stringContaining('a ProxyManager in ') });
    expect(existsSync(join(cwd, 'quayside-kong-proxy/src/index.ts'))).toBe(true);
  });

  it('asks for nothing that is given', async () => {
    const terminal = person([]);
    expect((await run(['-p', 'probe', '-n', 'grpc'], terminal)).code).toBe(0);
    expect(terminal.output.read()).toBeNull();
  });

  it('makes nothing where it is broken off', async () => {
    const terminal = person([['For which product?', CTRL_C]]);
    expect(await run(['--port', 'proxy'], terminal)).toEqual({ code: 1, out: '', err: '' });
    expect(existsSync(join(cwd, 'quayside-kong-proxy'))).toBe(false);
  });
});
