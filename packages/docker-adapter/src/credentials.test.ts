import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authFor, dockerConfigCredentials } from './credentials.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quayside-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

const open = () => ({ signal: new AbortController().signal });
const base64 = (text: string) => Buffer.from(text).toString('base64');
const config = (content: unknown) =>
  writeFile(join(folder, 'config.json'), typeof content === 'string' ? content : JSON.stringify(content));
const source = (env: { [name: string]: string } = {}) =>
  dockerConfigCredentials(() => ({
    env: { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}`, ...env },
    home: folder,
  }));
const ask = async (registry: string, env = {}) => await source(env)(registry, open());

async function helper(name: string, script: string) {
  const path = join(folder, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

describe('credentials of the docker command', () => {
  it('are none where it has no configuration, or none for the registry', async () => {
    expect(await ask('ghcr.io')).toBeUndefined();
    await config({ auths: { 'other.example.com': { auth: base64('a:b') } } });
    expect(await ask('ghcr.io')).toBeUndefined();
  });

  it.each([
    ['ghcr.io', 'ghcr.io'],
    ['127.0.0.1:5000', '127.0.0.1:5000'],
    ['https://ghcr.io/v1/', 'ghcr.io'],
    ['https://index.docker.io/v1/', 'docker.io'],
  ])('are found under %s for %s', async (key, registry) => {
    await config({ auths: { [key]: { auth: base64('user:pass:with:colons') } } });
    expect(await ask(registry)).toEqual({ username: 'user', password: 'pass:with:colons' });
  });

  it('may be an identity token', async () => {
    await config({ auths: { 'ghcr.io': { auth: base64('<token>:'), identitytoken: 'refresh' } } });
    expect(await ask('ghcr.io')).toEqual({ identityToken: 'refresh' });
  });

  it('come from a credential helper, which is told the server on stdin and asked anew each time', async () => {
    await config({ credsStore: 'everything', credHelpers: { 'ghcr.io': 'one' } });
    await helper(
      'one',
      `read server; echo x >> ${folder}/asked; echo "{\\"Username\\":\\"$1\\",\\"Secret\\":\\"for $server\\"}"`,
    );
    await helper('everything', 'read server; echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"for $server\\"}"');
    expect(await ask('ghcr.io')).toEqual({ username: 'get', password: 'for ghcr.io' });
    expect(await ask('ghcr.io')).toEqual({ username: 'get', password: 'for ghcr.io' });
    expect(await ask('docker.io')).toEqual({ identityToken: 'for https://index.docker.io/v1/' });
  });

  it('are none where the helper knows none', async () => {
    await config({ credsStore: 'empty', auths: { 'ghcr.io': {} } });
    await helper('empty', 'echo "credentials not found in native keychain"; exit 1');
    expect(await ask('ghcr.io')).toBeUndefined();
  });

  it('can be given in DOCKER_AUTH_CONFIG', async () => {
    const inline = JSON.stringify({ auths: { 'ghcr.io': { auth: base64('ci:job') } } });
    expect(await ask('ghcr.io', { DOCKER_AUTH_CONFIG: inline })).toEqual({ username: 'ci', password: 'job' });
  });

  it('that cannot be read are an error, not an anonymous pull', async () => {
    await config('{ broken');
    const failed = await authFor(source(), 'ghcr.io', open());
    expect(failed._unsafeUnwrapErr()).toMatchObject({ kind: 'registry-denied', code: 'credentials' });
    await config({ credsStore: 'missing' });
    expect((await authFor(source(), 'ghcr.io', open()))._unsafeUnwrapErr().kind).toBe('registry-denied');
    await config({ credsStore: '../../bin/sh' });
    expect((await authFor(source(), 'ghcr.io', open()))._unsafeUnwrapErr().kind).toBe('registry-denied');
    await config({ credsStore: 'broken' });
    await helper('broken', 'echo "no JSON with a secret in it"; exit 0');
    const error = (await authFor(source(), 'ghcr.io', open()))._unsafeUnwrapErr();
    expect(`${error.message} ${error.hint}`).not.toContain('secret');
  });

  it('do not outlive the call: a helper that hangs ends with the signal', async () => {
    await config({ credsStore: 'slow' });
    await helper('slow', 'exec sleep 60');
    const controller = new AbortController();
    const asked = authFor(source(), 'ghcr.io', { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    expect((await asked).isErr()).toBe(true);
  });
});

describe('what goes to the engine', () => {
  it('names the registry as the engine knows it', async () => {
    const auth = async (registry: string) =>
      (await authFor(() => ({ username: 'u', password: 'p' }), registry, open()))._unsafeUnwrap();
    expect(await auth('ghcr.io')).toEqual({ username: 'u', password: 'p', serveraddress: 'ghcr.io' });
    expect(await auth('docker.io')).toMatchObject({ serveraddress: 'https://index.docker.io/v1/' });
  });

  it('does not carry what a failing function says, which may be the secret itself', async () => {
    const failed = await authFor(() => Promise.reject(new Error('correct-horse')), 'ghcr.io', open());
    const { message, hint, retryable } = failed._unsafeUnwrapErr();
    expect(JSON.stringify({ message, hint, retryable })).not.toContain('correct-horse');
  });
});
