/** A small right probe over sockets. Told to, it leaves one open where an attempt has ended so: in memory nothing can leak. */
import { Agent, type ClientRequest, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { aborted, type HealthProbe, type ProbeAnswer, type ProbeError, type ProbeRequest } from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';

export type Ending = 'answered' | 'late' | 'aborted' | 'tcp';

const BODY_MAX = 65_536;
const keepsAlive = new Agent({ keepAlive: true, maxSockets: 1_000 });

export function socketProbe(leaves?: Ending): HealthProbe {
  return {
    name: 'socket',
    reaches: [{ kind: 'address', node: '*' }],
    check: (asked, { signal }) =>
      new ResultAsync(
        new Promise((resolve) => {
          if (signal.aborted) return resolve(err(aborted('The health check')));
          const work = asked.kind === 'tcp' ? open(asked, () => end('tcp', ok(NOTHING))) : ask(asked, leaves, end);
          function end(how: Ending, answer: Result<ProbeAnswer, ProbeError>): void {
            clearTimeout(timer);
            signal.removeEventListener('abort', onAbort);
            if (how !== leaves) work.destroy();
            resolve(answer);
          }
          const onAbort = () => end('aborted', err(aborted('The health check')));
          const timer = setTimeout(
            () => end('late', err(failed('timeout', 'There was no answer in time.'))),
            asked.timeoutMs,
          );
          signal.addEventListener('abort', onAbort, { once: true });
          work.on('error', ({ code = '', message }: NodeJS.ErrnoException) =>
            end('answered', err(failed(code === 'ECONNREFUSED' ? 'refused' : 'reset', message))),
          );
        }),
      ),
  };
}

const NOTHING: ProbeAnswer = { status: null, body: '', location: null };

const failed = (reason: 'refused' | 'reset' | 'timeout', message: string): ProbeError => ({
  kind: 'probe-failed',
  reason,
  message,
  hint: 'Check that the app listens and answers there.',
  retryable: true,
});

const open = ({ host, port }: ProbeRequest, connected: () => void): Socket => connect({ host, port }, connected);

function ask(
  { host, port, method, path, headers }: ProbeRequest,
  leaves: Ending | undefined,
  end: (how: Ending, answer: Result<ProbeAnswer, ProbeError>) => void,
): ClientRequest {
  const agent = leaves === 'answered' ? keepsAlive : false;
  const call = httpRequest({ host, port, method, path, headers, agent }, (response) => {
    const { statusCode = 0 } = response;
    const parts: Buffer[] = [];
    let size = 0;
    const answer = () =>
      end(
        'answered',
        ok({
          status: statusCode,
          body: String(Buffer.concat(parts).subarray(0, BODY_MAX)),
          location: response.headers.location ?? null,
        }),
      );
    response.on('data', (part: Buffer) => {
      parts.push(part);
      size += part.length;
      if (size >= BODY_MAX) answer();
    });
    response.on('end', answer);
  });
  call.end();
  return call;
}
