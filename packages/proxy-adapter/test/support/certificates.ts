/** Certificates of an authority of the test's own, made by openssl, and visitors who trust it alone. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';

const openssl = (...given: readonly string[]) => promisify(execFile)('openssl', given);
const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly folder: string;
  /** Its own certificate: what a visitor trusts. */
  readonly ca: string;
  issue(...domains: readonly string[]): Promise<Pair>;
  remove(): Promise<void>;
}

export async function openAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-ca-'));
  const at = (name: string) => join(folder, name);
  await openssl(
    'req',
    '-x509',
    ...EC_KEY,
    '-days',
    '1',
    '-subj',
    '/CN=test-ca',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt'),
  );
  let count = 0;
  return {
    folder,
    ca: await readFile(at('ca.crt'), 'utf8'),
    async issue(...domains) {
      count += 1;
      const [key, csr, crt, names] = ['key', 'csr', 'crt', 'names'].map((kind) => at(`${count}.${kind}`)) as [
        string,
        string,
        string,
        string,
      ];
      await writeFile(names, `subjectAltName=${domains.map((domain) => `DNS:${domain}`).join(',')}\n`);
      await openssl('req', '-new', ...EC_KEY, '-subj', `/CN=${domains[0]}`, '-keyout', key, '-out', csr);
      const by = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-set_serial', String(count + 100)];
      await openssl('x509', '-req', '-in', csr, ...by, '-days', '1', '-extfile', names, '-out', crt);
      return { cert: await readFile(crt, 'utf8'), key: await readFile(key, 'utf8') };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface SecureReply {
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  /** Tells certificates of one domain apart. */
  readonly serial: string;
}

/** A request on a connection of its own; rejects where the certificate is not good for the domain. */
export function askSecurely(
  port: number,
  domain: string,
  ca: string,
  { path = '/', servername = domain }: { readonly path?: string; readonly servername?: string } = {},
): Promise<SecureReply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, servername, ca, headers: { host: domain }, agent: false });
    sent.once('error', reject);
    sent.once('response', (response) => {
      const certificate: PeerCertificate = (response.socket as TLSSocket).getPeerCertificate();
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body,
          headers: response.headers,
          serial: certificate.serialNumber,
        }),
      );
    });
    sent.end();
  });
}
