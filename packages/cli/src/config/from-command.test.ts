import { describe, expect, it } from 'vitest';
import { fromCommand } from './from-command.js';
import { optionsOfJson } from './json.js';

const NODE = process.execPath;
const script = (code: string): [string, ...string[]] => [NODE, '-e', code];
const ask = (command: [string, ...string[]], signal: AbortSignal = AbortSignal.timeout(10_000)) =>
  fromCommand(command)({ project: 'shop', stage: 'dev', tag: 'v1', name: 'PASSWORD', signal });
const failure = async (command: [string, ...string[]], signal?: AbortSignal): Promise<string> =>
  Promise.resolve(ask(command, signal)).then(
    () => 'no failure',
    (error: Error) => error.message,
  );

describe('a value from a command', () => {
  it('is what it prints, without the newline at its end and with all others', async () => {
    expect(await ask(script('console.log("one\\ntwo\\n")'))).toBe('one\ntwo\n');
    expect(await ask(script('process.stdout.write("bare")'))).toBe('bare');
  });

  it('is made without a shell, and the command knows what it is for', async () => {
    const told =
      'const e = process.env; console.log([e.QUAYSIDE_PROJECT, e.QUAYSIDE_STAGE, e.QUAYSIDE_TAG, e.QUAYSIDE_NAME].join())';
    expect(await ask(script(told))).toBe('shop,dev,v1,PASSWORD');
    expect(await ask([NODE, '-p', 'process.argv[1]', '$HOME; echo x'])).toBe('$HOME; echo x');
  });
});

describe('a command that fails', () => {
  it('says how, and what it complained of, without the value that it printed', async () => {
    const code =
      'console.log("hunter2-value"); console.error("session expired, had hunter2-value\\n\\u001b[31m"); process.exit(3)';
    const message = await failure(script(code));
    expect(message).toMatch(/ended with exit code 3: session expired, had \*\*\*/);
    expect(message).not.toContain('hunter2');
    expect(message).not.toContain('\u001b');
  });

  it('is told by its kind', async () => {
    expect(await failure(['no-such-program-here'])).toBe('The command no-such-program-here is not there.');
    expect(await failure(script('process.kill(process.pid, "SIGTERM")'))).toContain('was ended by SIGTERM');
    expect(await failure(script('process.stdout.write("x".repeat(3e6))'))).toContain('printed more than 1 MB');
  });

  it('is killed when its time is over, even where it ignores a polite request', async () => {
    const startedAt = Date.now();
    const message = await failure(
      script('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'),
      AbortSignal.timeout(300),
    );
    expect(message).toContain('was stopped, as its time was over');
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });
});

describe('in JSON', () => {
  const options = (env: unknown) =>
    optionsOfJson(
      {
        store: { adapter: 'sqlite', path: 'x.db' },
        settings: { env },
        projects: { shop: { image: 'a/b', env, stages: { dev: { env } } } },
      },
      {},
    );

  it('a command is a value wherever an env is', async () => {
    const made = (await options({ A: { command: script('console.log("a")') }, B: 'b' }))._unsafeUnwrap();
    const { shop } = made.projects as unknown as { shop: { env: never; stages: { dev: { env: never } } } };
    for (const env of [made.settings?.env, shop.env, shop.stages.dev.env] as unknown as { A: never; B: string }[]) {
      expect(env.B).toBe('b');
      expect(env.A).toBeTypeOf('function');
    }
  });

  it.each([
    [{ command: [] }],
    [{ command: 'op read' }],
    [{ command: ['op', 7] }],
    [{ command: ['op'], secret: 'x' }],
    [{ command: [''] }],
  ])('%j is refused', async (value) => {
    const { issues } = (await options({ A: value }))._unsafeUnwrapErr();
    expect(issues.map(({ path }) => path)).toEqual([
      'settings.env.A',
      'projects.shop.env.A',
      'projects.shop.stages.dev.env.A',
    ]);
  });
});
