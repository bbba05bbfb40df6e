/** Who asks: one request at a time for the demo's answers, and a visitor who never stops asking. */
import { Agent, type OutgoingHttpHeaders, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const LIMIT_MS = 3_000;

/** `GET /` of a domain, at the proxy. */
export function ask(proxyUrl: string, domain: string, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers: OutgoingHttpHeaders = { host: domain };
    const call = request(proxyUrl, { headers, agent, timeout: LIMIT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: body.trim() }));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
    call.on('error', reject);
    call.end();
  });
}

export interface Visitor {
  /** Answers so far, by what they said; every one that is not a good answer of the app counts as failed. */
  readonly seen: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  leave(): Promise<void>;
}

/** Asks again and again, on one kept connection, as a browser does. */
export function visit(proxyUrl: string, domain: string, pauseMs = 10): Visitor {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const seen = new Map<string, number>();
  const failures: string[] = [];
  let isLeaving = false;
  const stroll = async () => {
    while (!isLeaving) {
      const said = await ask(proxyUrl, domain, agent).then(
        ({ status, body }) => {
          if (status !== 200) failures.push(`${status} ${body.split('\n')[0]}`);
          return status === 200 ? body : String(status);
        },
        (error: Error) => {
          failures.push(error.message);
          return error.message;
        },
      );
      seen.set(said, (seen.get(said) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const strolling = stroll();
  return {
    seen,
    failures,
    async leave() {
      isLeaving = true;
      await strolling;
      agent.destroy();
    },
  };
}
