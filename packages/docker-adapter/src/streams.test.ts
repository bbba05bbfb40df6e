import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { linesOf } from './logs.js';
import { chunks, frames, jsonLines, Stalled } from './streams.js';
import { eventOf, sinceOf } from './watch.js';

const frame = (type: number, text: string | Buffer): Buffer => {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};
const all = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
};
const inPieces = async function* (whole: Buffer, size: number) {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
};
const TIME = '2026-01-02T03:04:05.123456789Z';
const MS = Date.parse('2026-01-02T03:04:05.123Z');

describe('frames', () => {
  const output = Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n'), frame(1, ''), frame(1, 'x'.repeat(20_000))]);

  it.each([1, 3, 7, 8, 9, 1_000, 100_000])(
    'are the same however the connection cuts them, every %i bytes',
    async (size) => {
      const found = await all(frames(inPieces(output, size)));
      expect(found.map(({ stream, payload }) => [stream, payload.length])).toEqual([
        ['stdout', 4],
        ['stderr', 4],
        ['stdout', 0],
        ['stdout', 20_000],
      ]);
    },
  );

  it('of a terminal are none: it comes as it is', async () => {
    const found = await all(frames(inPieces(Buffer.from('plain text'), 4)));
    expect(found.every(({ stream }) => stream === 'raw')).toBe(true);
    expect(Buffer.concat(found.map(({ payload }) => payload)).toString()).toBe('plain text');
  });
});

describe('log lines', () => {
  const lines = (...parts: Buffer[]) => all(linesOf(frames(inPieces(Buffer.concat(parts), 5))));

  it('have their time and their stream, and neither time nor line end in their text', async () => {
    expect(await lines(frame(1, `${TIME} hello world\r\n`), frame(2, `${TIME} \n`))).toEqual([
      { time: MS, stream: 'stdout', text: 'hello world' },
      { time: MS, stream: 'stderr', text: '' },
    ]);
  });

  it('without a time are what they are', async () => {
    expect(await lines(frame(1, 'no time\n'))).toEqual([{ time: null, stream: 'stdout', text: 'no time' }]);
  });

  it('that were cut inside a character keep it', async () => {
    const text = Buffer.from(`${TIME} `);
    const euro = Buffer.from('€');
    const first = frame(1, Buffer.concat([text, Buffer.from('a'), euro.subarray(0, 1)]));
    const rest = frame(1, Buffer.concat([text, euro.subarray(1), Buffer.from('b\n')]));
    expect((await lines(first, rest)).map((line) => line.text)).toEqual(['a', '€b']);
  });

  it('are never longer than 16 384 characters', async () => {
    const found = await lines(frame(1, `${TIME} ${'x'.repeat(40_000)}\n`));
    expect(found.map(({ text }) => text.length)).toEqual([16_384, 16_384, 7_232]);
  });

  it('of a terminal are parted at line ends', async () => {
    expect(await lines(Buffer.from(`${TIME} one\r\n${TIME} two`))).toEqual([
      { time: MS, stream: 'stdout', text: 'one' },
      { time: MS, stream: 'stdout', text: 'two' },
    ]);
  });
});

describe('a stream', () => {
  it('of JSON lines is read whatever way it is cut, the last line without an end too', async () => {
    const text = Buffer.from('{"a":"€"}\r\n\r\n{"a":2}\n{"a":3}');
    for (const size of [1, 2, 7, 100]) {
      expect(await all(jsonLines(Readable.from(inPieces(text, size))))).toEqual([{ a: '€' }, { a: 2 }, { a: 3 }]);
    }
  });

  it('that brings nothing for too long is over, and destroyed', async () => {
    const stream = new PassThrough();
    stream.write('{"a":1}\n');
    await expect(all(jsonLines(stream, 30))).rejects.toBeInstanceOf(Stalled);
    expect(stream.destroyed).toBe(true);
  });

  it('is not stalled by a reader who takes his time', async () => {
    const stream = Readable.from(inPieces(Buffer.from('abc'), 1));
    const found: string[] = [];
    for await (const chunk of chunks(stream, 20)) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      found.push(chunk.toString());
    }
    expect(found).toEqual(['a', 'b', 'c']);
  });

  it('is destroyed when nobody reads on', async () => {
    const stream = new PassThrough();
    stream.write('a');
    for await (const _ of chunks(stream)) break;
    expect(stream.destroyed).toBe(true);
  });
});

describe('events', () => {
  const Attributes = { 'dev.quayside.store': 's', 'dev.quayside.deployment': 'd', name: 'shop-1', exitCode: '137' };
  it.each([
    ['start', 'started', null],
    ['die', 'died', 137],
    ['oom', 'oom', null],
    ['health_status: healthy', 'health', null],
    ['destroy', 'removed', null],
  ])('%s is %s', (Action, type, exitCode) => {
    const owner = { storeId: 's', deployment: 'd' };
    expect(eventOf({ Action, Actor: { Attributes } })).toEqual({ type, name: 'shop-1', owner, exitCode });
  });

  it('of others, and of other kinds, are none', () => {
    expect(eventOf({ Action: 'start', Actor: { Attributes: { name: 'x' } } })).toBeUndefined();
    expect(eventOf({ Action: 'exec_create: sh', Actor: { Attributes } })).toBeUndefined();
    expect(eventOf({})).toBeUndefined();
  });

  it("are asked for from the engine's time on, to the nanosecond", () => {
    expect(sinceOf('2026-01-02T03:04:05.000000006Z')).toBe(`${Date.parse('2026-01-02T03:04:05Z') / 1000}.000000006`);
    expect(sinceOf('2026-01-02T03:04:05.5+02:00')).toBe(`${Date.parse('2026-01-02T01:04:05Z') / 1000}.500000000`);
    expect(sinceOf('2026-01-02T03:04:05Z')).toBe(`${Date.parse('2026-01-02T03:04:05Z') / 1000}.000000000`);
  });
});
