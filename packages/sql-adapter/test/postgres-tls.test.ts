import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unwrap } from '@quayside/core/ports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/engine.js';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { open, postgresAt } from './support/folder.js';

let server: TestPostgres;
let ca: string;
beforeAll(async () => {
  const at = mkdtempSync(join(tmpdir(), 'quayside-tls-'));
  const [key, certificate] = [join(at, 'key.pem'), join(at, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files], {
    stdio: 'ignore',
  });
  ca = readFileSync(certificate, 'utf8');
  server = await startPostgres({ fsync: 'off' }, { tls: { certificate: ca, key: readFileSync(key, 'utf8') } });
  rmSync(at, { recursive: true });
}, 60_000);
afterAll(() => server.remove());

/** The store's connections, and whether they are encrypted. */
const sessionsOf = (at: string) =>
  server.sql<{ ssl: boolean }>(
    `select s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid)
     where a.application_name = 'quayside' and a.datname = '${/\w+$/.exec(at)}'`,
  );

describe('TLS', () => {
  it('is by `ssl`, for all connections, that of a follower too', async () => {
    const at = await server.database();
    const store = postgresAt(at, { ssl: { ca } });
    await unwrap(store.storeId(open()));
    store.subscribe?.(() => {});
    await eventually('both are there', async () => (await sessionsOf(at)).length === 2);
    expect(await sessionsOf(at)).toEqual([{ ssl: true }, { ssl: true }]);
    await unwrap(store.close());
    await eventually('none is left', async () => (await sessionsOf(at)).length === 0);
  });

  it('is by the connection string, which wins', async () => {
    const at = await server.database();
    const store = postgresAt(`${at}?sslmode=no-verify`, { ssl: false });
    await unwrap(store.storeId(open()));
    expect(await sessionsOf(at)).toEqual([{ ssl: true }]);
  });

  it('with a certificate that nobody vouches for is refused with what to do', async () => {
    const error = (await postgresAt(await server.database(), { ssl: true }).storeId(open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'store-refused', code: 'DEPTH_ZERO_SELF_SIGNED_CERT', retryable: false });
    expect(error.hint).toMatch(/ssl: \{ ca \}/);
  });

  it('ends a call at once with its signal, too', async () => {
    const at = await server.database();
    const store = postgresAt(at, { ssl: { ca } });
    await unwrap(store.storeId(open()));
    const holding = await server.session(at);
    await holding.query('begin; lock table quayside.cursors');
    const controller = new AbortController();
    const answer = store.get('cursors', 'a', { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    const startMs = performance.now();
    expect((await answer)._unsafeUnwrapErr()).toMatchObject({ kind: 'aborted' });
    expect(performance.now() - startMs).toBeLessThan(1_000);
    await holding.end();
    expect(await unwrap(store.get('cursors', 'a', open()))).toBeUndefined();
  });
});
