/**
 * HAProxy's runtime API: text commands over a socket, each answered by a text and an empty line. Every call has a connection of its own,
 * which HAProxy closes behind the answer.
 *
 * Source: HAProxy 2.6, management guide, section 9.3 "Unix Socket commands". Several commands on one line, parted by `;`, are done in
 * their order, and each has its answer.
 */
import { connect } from 'node:net';
import type { ProxyError } from '@quayside/core/ports';
import { aborted, pause, timedOut, within } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { refused, socketFailure } from './errors.js';

export interface RuntimeApi {
  /** Sends the commands in one go; answers what each said, without its last line ends. */
  run(commands: readonly string[], signal: AbortSignal): Promise<Result<readonly string[], ProxyError>>;
}

/** What is beyond it is no answer of HAProxy's: 10 000 servers are about 2 MB. */
const ANSWER_LIMIT_CHARACTERS = 64 * 1024 * 1024;
/** A question behind every command whose answer is always the same: the answers of the others are parted by it. */
const MARK_COMMAND = 'get var proc.quayside_end_of_answer';
const MARK_ANSWER = /^Variable not found\.?$/m;

/** HAProxy takes ten at once by default (`maxconn` of its stats sockets), of all who ask. */
const AT_ONCE_MAX = 4;
/** The socket's line is full: nothing was sent, and there is room in a moment. */
const FULL_PAUSE_MS = 10;

export function runtimeApi(socket: string, answerTimeoutMs: number): RuntimeApi {
  const waiting: (() => void)[] = [];
  let active = 0;
  const turn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (active >= AT_ONCE_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
    active += 1;
    try {
      return await work();
    } finally {
      active -= 1;
      waiting.shift()?.();
    }
  };
  return {
    run(commands, signal) {
      return within(signal, answerTimeoutMs, async (limit) => {
        const sent = await turn(() => untilTaken(socket, commands, limit.signal));
        if (sent.isOk()) return parted(sent.value, commands);
        const { thrown, wasSent } = sent.error;
        if (signal.aborted) return err(aborted('A command to HAProxy', signal.reason));
        if (limit.timedOut) return err({ ...timedOut('A command to HAProxy', answerTimeoutMs), hint: STUCK });
        return err(socketFailure(socket, thrown, wasSent));
      });
    },
  };
}

async function untilTaken(socket: string, commands: readonly string[], signal: AbortSignal): Promise<Sent> {
  for (;;) {
    const sent = await exchange(socket, commands, signal);
    const isFull = sent.isErr() && !sent.error.wasSent && codeOf(sent.error.thrown) === 'EAGAIN';
    if (!isFull || signal.aborted) return sent;
    await pause(FULL_PAUSE_MS, signal);
  }
}

const codeOf = (thrown: unknown): unknown => (thrown instanceof Error && 'code' in thrown ? thrown.code : undefined);

type Sent = Result<string, { readonly thrown: unknown; readonly wasSent: boolean }>;

const STUCK = 'See that HAProxy runs and answers on its socket (echo "show info" | socat stdio SOCKET).';

function exchange(socket: string, commands: readonly string[], signal: AbortSignal): Promise<Sent> {
  return new Promise((resolve) => {
    const connection = connect(placeOf(socket));
    let text = '';
    let wasSent = false;
    const end = (thrown?: unknown) => {
      signal.removeEventListener('abort', onAbort);
      connection.destroy();
      resolve(thrown === undefined ? ok(text) : err({ thrown, wasSent }));
    };
    const onAbort = () => end(signal.reason ?? new Error('aborted'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    connection.setEncoding('utf8');
    connection.once('connect', () => {
      wasSent = true;
      connection.write(`${commands.flatMap((command) => [command, MARK_COMMAND]).join('; ')}\n`);
    });
    connection.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > ANSWER_LIMIT_CHARACTERS) end(new Error('The answer does not end.'));
    });
    connection.once('error', end);
    connection.once('close', () => end(wasSent ? undefined : new Error('closed before it was opened')));
  });
}

function placeOf(socket: string): { path: string } | { host: string; port: number } {
  if (socket.startsWith('/')) return { path: socket };
  const colon = socket.lastIndexOf(':');
  return { host: socket.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(socket.slice(colon + 1)) };
}

function parted(text: string, commands: readonly string[]): Result<readonly string[], ProxyError> {
  const answers = text.split(MARK_ANSWER).map((answer) => answer.replace(/^\n+|\n+$/g, ''));
  // Behind the last marker is nothing.
  if (answers.length <= commands.length) {
    return err({
      ...refused('cut', 'HAProxy closed its socket before it had answered every command.', STUCK),
      outcome: 'unknown',
    });
  }
  const denied = answers.find((answer) => answer.startsWith('Permission denied'));
  if (denied)
    return err(refused('denied', 'HAProxy says: Permission denied.', 'Give its `stats socket` the `level admin`.'));
  return ok(answers.slice(0, commands.length));
}
