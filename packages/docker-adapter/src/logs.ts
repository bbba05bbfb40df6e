/** A container's own output, as lines. */
import { StringDecoder } from 'node:string_decoder';
import { type ContainerLogLine, type LogOptions, QuaysideError, timedOut } from '@quayside/core/ports';
import type { Engine } from './engine.js';
import { containerMissing, refused, unreachable, unsupported } from './faults.js';
import { chunks, type Frame, frames, Stalled } from './streams.js';

export const LINE_MAX_CHARS = 16_384;

export async function* containerLogs(
  engine: Engine,
  name: string,
  options: LogOptions,
): AsyncGenerator<ContainerLogLine> {
  const { signal, tail, follow = false, since } = options;
  if (signal.aborted) return;
  const what = `Reading the output of ${name}`;
  const query = {
    stdout: true,
    stderr: true,
    timestamps: true,
    follow,
    tail: tail === undefined ? 'all' : String(tail),
    ...(since === undefined ? {} : { since: (since / 1000).toFixed(3) }),
  };
  const answer = await engine.open(
    { what, method: 'GET', path: `/containers/${encodeURIComponent(name)}/logs`, query },
    { signal },
  );
  if (answer.isErr()) {
    if (signal.aborted) return;
    throw new QuaysideError(answer.error);
  }
  if (!answer.value.ok) {
    const { status, message } = answer.value;
    if (/does not support reading/i.test(message)) {
      const hint = 'Read it where the log driver sends it, or use the driver `json-file` or `local`.';
      throw new QuaysideError(unsupported(`The output of ${name} is not kept by the engine: ${message}.`, hint));
    }
    const isGone = status === 404 || (status === 409 && /dead or marked for removal/i.test(message));
    throw new QuaysideError(isGone ? containerMissing(name) : refused(answer.value));
  }
  try {
    // Who follows waits for what the container has to say, however long that takes.
    const output = frames(chunks(answer.value.body, follow ? undefined : engine.answerTimeoutMs));
    yield* linesOf(output);
  } catch (cause) {
    if (signal.aborted) return;
    if (cause instanceof Stalled) throw new QuaysideError(timedOut(what, engine.answerTimeoutMs));
    throw new QuaysideError(unreachable(engine.place(), cause));
  }
}

/**
 * One line per message of the engine's, which parts what an app writes at line ends and after 16 KiB. A terminal's output comes
 * without frames, and is parted here.
 */
export async function* linesOf(output: AsyncIterable<Frame>): AsyncGenerator<ContainerLogLine> {
  // A character may be cut between the parts of a long line: each output has a decoder of its own that waits for the rest.
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  let raw = '';
  for await (const { stream, payload } of output) {
    if (stream === 'raw') {
      const lines = (raw + decoders.stdout.write(payload)).split('\n');
      raw = lines.pop() ?? '';
      for (const line of lines) yield* pieces('stdout', line);
      continue;
    }
    const space = payload.indexOf(0x20);
    const time = timeOf(payload.subarray(0, Math.max(space, 0)).toString('latin1'));
    const isWhole = payload.at(-1) === 0x0a;
    const bytes = payload.subarray(time === null ? 0 : space + 1, isWhole ? -1 : undefined);
    const decoder = decoders[stream];
    const text = isWhole ? decoder.write(bytes) + decoder.end() : decoder.write(bytes);
    yield* cut({ time, stream, text: text.replace(/\r$/, '') });
  }
  if (raw) yield* pieces('stdout', raw);
}

function* pieces(stream: ContainerLogLine['stream'], line: string): Generator<ContainerLogLine> {
  const space = line.indexOf(' ');
  const time = timeOf(line.slice(0, Math.max(space, 0)));
  yield* cut({ time, stream, text: (time === null ? line : line.slice(space + 1)).replace(/\r$/, '') });
}

function* cut(line: ContainerLogLine): Generator<ContainerLogLine> {
  if (line.text.length <= LINE_MAX_CHARS) return yield line;
  for (let at = 0; at < line.text.length; at += LINE_MAX_CHARS) {
    yield { ...line, text: line.text.slice(at, at + LINE_MAX_CHARS) };
  }
}

/** RFC 3339 with nanoseconds, as the engine puts it before each message. */
function timeOf(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
