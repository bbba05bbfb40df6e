/** Visitors on kept connections, and what each of them was answered. */
import { Agent, request } from 'node:http';

export interface Visit {
  readonly path: string;
  /** 0: no answer, or one that was cut off. */
  readonly status: number;
  /** Who answered, as the app says itself. */
  readonly by: string;
  readonly tookMs: number;
  /** Of the answer, as the next visit has to bring it: `name=value`. */
  readonly cookie: string | undefined;
}

export interface Visitors {
  visit(path?: string, cookie?: string): Promise<Visit>;
  /** So many, some of them at a time. */
  crowd(count: number, path?: (index: number) => string): Promise<readonly Visit[]>;
  /** The same, each of whose visits goes through this. */
  through(visit: Visitors['visit']): Visitors;
  close(): void;
}

const AT_ONCE = 24;
const LIMIT_MS = 10_000;

export function openVisitors(port: number, domain: string, atOnce = AT_ONCE): Visitors {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce, scheduling: 'lifo' });
  const visit: Visitors['visit'] = (path = '/', cookie) =>
    new Promise((resolve) => {
      const beganMs = performance.now();
      const headers = { host: domain, ...(cookie === undefined ? {} : { cookie }) };
      const end = (status: number, by: string, setCookie?: readonly string[]) =>
        resolve({ path, status, by, tookMs: performance.now() - beganMs, cookie: setCookie?.[0]?.split(';')[0] });
      const sent = request({ host: '127.0.0.1', port, path, agent, headers, timeout: LIMIT_MS }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.once('error', (error) => end(0, error.message));
        response.once('end', () => end(response.statusCode ?? 0, body, response.headers['set-cookie']));
      });
      sent.once('timeout', () => sent.destroy(new Error('no answer')));
      sent.once('error', (error) => end(0, error.message));
      sent.end();
    });
  return visitorsBy(visit, agent, atOnce);
}

function visitorsBy(visit: Visitors['visit'], agent: Agent, atOnce: number): Visitors {
  return {
    visit,
    through: (other) => visitorsBy(other, agent, atOnce),
    async crowd(count, path = () => '/') {
      const visits: Visit[] = [];
      let next = 0;
      const walk = async () => {
        while (next < count) {
          const index = next;
          next += 1;
          visits.push(await visit(path(index)));
        }
      };
      await Promise.all(Array.from({ length: atOnce }, walk));
      return visits;
    },
    close: () => agent.destroy(),
  };
}
