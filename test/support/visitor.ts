/** A visitor of a front door on loopback: one who asks as a browser does, and one whose download does not end. */
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { OpenDownload } from '@quayside/core/testing';

export interface FrontDoor {
  readonly host: string;
  readonly port: number;
}

export interface Page {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | undefined };
  readonly body: string;
}

/** One GET on a connection of its own; rejects where it is not answered whole. */
export function browse(
  { host, port }: FrontDoor,
  domain: string,
  { accept = 'text/html', path = '/', method = 'GET' }: { accept?: string; path?: string; method?: string } = {},
): Promise<Page> {
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path, method, agent: false, headers: { host: domain, accept } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('error', reject);
      response.once('end', () => {
        const headers = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join() : value]),
        );
        resolve({ status: response.statusCode ?? 0, headers, body });
      });
    });
    sent.once('error', reject);
    sent.setTimeout(10_000, () => sent.destroy(new Error(`${domain} does not answer`)));
    sent.end();
  });
}

const DOWNLOAD_PATH = '/a-download-without-an-end';
const ARRIVES_WITHIN_MS = 2_000;

export interface Downloads {
  /** For the app: whether this was the request for one, and is answered. */
  serve(request: IncomingMessage, response: ServerResponse): boolean;
  open(door: FrontDoor, domain: string): Promise<OpenDownload>;
}

export function downloads(): Downloads {
  const served: ServerResponse[] = [];
  return {
    serve(incoming, response) {
      if (incoming.url !== DOWNLOAD_PATH) return false;
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('.');
      served.push(response);
      return true;
    },
    open: ({ host, port }, domain) =>
      new Promise((resolve, reject) => {
        const options = { host, port, path: DOWNLOAD_PATH, agent: false, headers: { host: domain } };
        const sent = request(options, (answer) => {
          let arrived = '';
          let onPiece = () => {};
          answer.setEncoding('utf8').on('data', (piece: string) => {
            arrived += piece;
            onPiece();
          });
          answer.on('error', () => undefined);
          const source = served.at(-1);
          if (answer.statusCode !== 200 || !source) {
            sent.destroy();
            reject(new Error(`${domain} answers a download with ${answer.statusCode}`));
            return;
          }
          resolve({
            async goesOn() {
              const before = arrived.length;
              const piece = new Promise<void>((arrives) => {
                onPiece = arrives;
              });
              source.write('.');
              let timer: NodeJS.Timeout | undefined;
              const isLate = new Promise<void>((late) => {
                timer = setTimeout(late, ARRIVES_WITHIN_MS);
              });
              await Promise.race([piece, isLate]);
              clearTimeout(timer);
              return arrived.length > before;
            },
            async close() {
              source.end();
              sent.destroy();
            },
          });
        });
        sent.once('error', reject);
        sent.end();
      }),
  };
}
