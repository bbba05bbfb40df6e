/** One follower: a connection of its own, whose every entry is held against what the others were sent. */
import { connect, type Socket } from 'node:net';
import type { Expected } from './expected.js';
import { parseFrame } from './expected.js';

export interface Target {
  readonly port: number;
  readonly path: string;
}

/** What was wrong, over all followers. */
export interface Faults {
  gaps: number;
  doubles: number;
  /** Anything else, in words. */
  readonly others: string[];
  /** Followers that were told that they are slow. */
  lagging: number;
}

const HEAD_END = '\r\n\r\n';
const FRAME_END = '\n\n';
/** Handed out to one socket after the other: what is in it is looked at at once. */
const buffer = Buffer.allocUnsafe(256 * 1024);

export class Follower {
  readonly ended: Promise<void>;
  #settle = () => {};
  readonly #target: Target;
  readonly #expected: Expected;
  readonly #faults: Faults;
  /** Connections that are cut on purpose, each at an entry: the follower comes again with the id of the last one that it has. */
  readonly #cuts: number[];
  #socket: Socket | undefined;
  #place = 0;
  #rest: Buffer | undefined;
  #hasHead = false;
  #isGreeted = false;
  #hasEnded = false;

  constructor(target: Target, expected: Expected, faults: Faults, cuts: readonly number[] = []) {
    this.#target = target;
    this.#expected = expected;
    this.#faults = faults;
    this.#cuts = [...cuts];
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** How often it has come again. */
  resumed = 0;

  /** How many entries it has. */
  get count(): number {
    return this.#expected.lastBefore(this.#place);
  }

  get place(): number {
    return this.#place;
  }

  /** Resolves once its answer has begun, or will never come. */
  open(): Promise<void> {
    const { port, path } = this.#target;
    const last = this.#expected.lastBefore(this.#place);
    this.#place = this.#expected.endOf(last);
    this.#rest = undefined;
    this.#hasHead = false;
    this.#isGreeted = false;
    return new Promise((resolve) => {
      const onread = {
        buffer,
        callback: (length: number) => {
          if (this.#socket !== socket) return false;
          this.#read(buffer.subarray(0, length));
          if (this.#isGreeted) resolve();
          return true;
        },
      };
      const socket: Socket = connect({ port, host: '127.0.0.1', onread });
      this.#socket = socket;
      socket.on('error', (error) => this.#closed(socket, error.message));
      socket.on('close', () => {
        this.#closed(socket, 'the connection was closed');
        resolve();
      });
      // HTTP/1.0 has no chunks: what comes is the stream itself.
      socket.write(
        `GET ${path} HTTP/1.0\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer bench\r\nAccept: text/event-stream\r\n${
          last > 0 ? `Last-Event-ID: ${last}\r\n` : ''
        }\r\n`,
      );
    });
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#settle();
  }

  #closed(socket: Socket, why: string): void {
    if (this.#socket !== socket) return;
    if (!this.#hasEnded) this.#faults.others.push(`${why} after entry ${this.count}`);
    this.close();
  }

  #read(chunk: Buffer): void {
    let bytes: Buffer = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    while (bytes.length > 0 && !this.#hasEnded) {
      const used = this.#hasHead ? (this.#isGreeted ? this.#entries(bytes) : this.#greeting(bytes)) : this.#head(bytes);
      if (used === 0) break;
      bytes = bytes.subarray(used);
    }
    if (bytes.length > 0) this.#rest = Buffer.from(bytes);
    const [cut] = this.#cuts;
    if (cut !== undefined && !this.#hasEnded && this.#place >= this.#expected.endOf(cut)) this.#comeAgain();
  }

  #comeAgain(): void {
    this.#cuts.shift();
    this.resumed += 1;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    void this.open();
  }

  #head(bytes: Buffer): number {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) return 0;
    const [status = ''] = bytes.toString('latin1', 0, end).split('\r\n');
    if (!/ 200 /.test(status)) this.#faults.others.push(`answered ${status}`);
    this.#hasHead = true;
    return end + HEAD_END.length;
  }

  #greeting(bytes: Buffer): number {
    const end = bytes.indexOf(FRAME_END);
    if (end < 0) return 0;
    const frame = parseFrame(bytes.subarray(0, end));
    if (frame?.event !== 'ready') this.#faults.others.push(`began with ${frame?.event}`);
    this.#isGreeted = true;
    return end + FRAME_END.length;
  }

  /** How much of it was looked at; 0: more of it is needed. */
  #entries(bytes: Buffer): number {
    const expected = this.#expected;
    if (this.#place < expected.length) {
      const same = expected.matching(this.#place, bytes);
      this.#place += same;
      if (same > 0) return same;
    }
    const end = bytes.indexOf(FRAME_END);
    if (end < 0) return 0;
    this.#frame(bytes.subarray(0, end + FRAME_END.length));
    return end + FRAME_END.length;
  }

  /** One that is not what it is expected to be, or that nobody has had yet. */
  #frame(frame: Buffer): void {
    const expected = this.#expected;
    const parsed = parseFrame(frame);
    if (parsed?.event === 'lagging') this.#faults.lagging += 1;
    if (parsed?.event === 'end') {
      this.#hasEnded = true;
      this.close();
    }
    if (parsed === null || parsed.event === 'lagging' || parsed.event === 'end') return;
    const seq = parsed.event === 'log' ? Number(JSON.parse(parsed.data).seq) : Number.NaN;
    if (!(seq > 0) || String(seq) !== parsed.id) {
      this.#faults.others.push(`sent ${frame.toString('utf8').slice(0, 200)}`);
      return;
    }
    const next = expected.lastBefore(this.#place) + 1;
    if (seq > next) this.#faults.gaps += 1;
    else if (seq < next) this.#faults.doubles += 1;
    else if (expected.count >= seq) this.#faults.others.push(`sent another entry ${seq} than others`);
    else expected.add(frame);
    this.#place = Math.max(this.#place, expected.endOf(Math.min(seq, expected.count)));
  }
}
