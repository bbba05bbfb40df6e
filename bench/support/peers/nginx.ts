/** An nginx in front of whatever runs at the moment: its servers are in a file of their own, and a change is a reload. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../test/support/engine.js';
import { end, freePort } from '../../../test/support/registry.js';
import { NGINX_LOCATION } from '../front-proxies.js';
import { DOMAIN } from './peer.js';

export interface NginxFront extends AsyncDisposable {
  readonly port: number;
  /** Writes them down and has nginx reload, which goes on by itself after this has come to its end. */
  serve(servers: readonly string[]): Promise<void>;
}

/** @param within what to start it by, for another network than this one's: `PrivateEngine.within` */
export async function startNginxFront(within: readonly string[] = []): Promise<NginxFront> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-front-'));
  const port = await freePort();
  const write = (servers: readonly string[]) => writeFile(join(folder, 'upstream.conf'), upstream(servers));
  await write([]);
  await writeFile(join(folder, 'nginx.conf'), configuration(folder, port));
  const [command = '', ...args] = [...within, 'nginx', '-p', folder, '-e', `${folder}/error.log`];
  const child = spawn(command, [...args, '-c', join(folder, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said = (said + chunk).slice(-4_000);
  });
  const dispose = async () => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually('nginx listens', () => {
      if (child.exitCode !== null) throw new Error(`nginx does not start: ${said}`);
      // It is written after the sockets are bound, and may be looked for from another network.
      return existsSync(join(folder, 'pid'));
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    port,
    async serve(servers) {
      await write(servers);
      child.kill('SIGHUP');
    },
    [Symbol.asyncDispose]: dispose,
  };
}

const upstream = (servers: readonly string[]): string => `upstream app {
  ${servers.length === 0 ? 'server 127.0.0.1:1 down;' : servers.map((server) => `server ${server};`).join(' ')}
  keepalive 32;
}
`;

/** A failed attempt goes on to the next server, which is nginx's default. */
const configuration = (folder: string, port: number): string => `
user root; daemon off; worker_processes auto; pid ${folder}/pid; error_log ${folder}/error.log crit;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
  fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  include ${folder}/upstream.conf;
  server {
    listen 127.0.0.1:${port};
    server_name ${DOMAIN};
    ${NGINX_LOCATION}
  }
}
`;
