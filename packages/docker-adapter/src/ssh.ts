/**
 * An engine behind ssh, reached as the docker command reaches it: the machine's own `ssh` runs `docker system dial-stdio`
 * there, and its standard streams are the connection. So `~/.ssh/config`, agents, jump hosts and known hosts hold here too.
 *
 * Source: docker/cli, `cli/connhelper/connhelper.go`.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export interface SshTarget {
  readonly host: string;
  readonly port: number | null;
  readonly user: string | null;
  readonly socket: string | null;
}

const STDERR_MAX = 4_000;

/** @param command default `ssh`, found in the PATH */
export function dialSsh(target: SshTarget, command = 'ssh'): Socket {
  // What http asks of a socket is here; what a real one has beyond that, nobody calls.
  return new StdioSocket(spawn(command, sshArguments(target), { stdio: 'pipe' })) as unknown as Socket;
}

/** BatchMode: a library does not ask its host's terminal for a password. */
export function sshArguments({ host, port, user, socket }: SshTarget): string[] {
  return [
    ...['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=30', '-T'],
    ...(user ? ['-l', user] : []),
    ...(port ? ['-p', String(port)] : []),
    ...['--', host, 'docker'],
    ...(socket ? ['--host', `unix://${socket}`] : []),
    ...['system', 'dial-stdio'],
  ];
}

class StdioSocket extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  #stderr = '';
  #idle: NodeJS.Timeout | undefined;
  #idleMs = 0;
  #hasSpoken = false;

  constructor(child: ChildProcessWithoutNullStreams) {
    super({ allowHalfOpen: false });
    this.#child = child;
    child.once('error', (error) => this.destroy(this.#failure(error.message)));
    child.once('close', (code) => {
      if (this.#hasSpoken && code === 0) this.push(null);
      else this.destroy(this.#failure(`ssh ended with code ${code}`));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_MAX);
    });
    child.stdout.on('data', (chunk: Buffer) => {
      this.#hasSpoken = true;
      this.#touch();
      if (!this.push(chunk)) child.stdout.pause();
    });
    // The child's own end is told by `close`; a broken pipe is only its echo.
    child.stdin.on('error', () => {});
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#touch();
    this.#child.stdin.write(chunk, (error) => {
      // A broken pipe says nothing: the child's end, which follows, says why.
      if (!error) done(null);
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#child.stdin.destroy();
    this.#child.kill();
    done(error);
  }

  /** ESSH: nothing was answered yet, so nothing can have been done. */
  #failure(what: string): Error {
    const detail = this.#stderr.trim();
    const code = this.#hasSpoken ? 'ECONNRESET' : 'ESSH';
    return Object.assign(new Error(detail ? `${what}: ${detail}` : what), { code });
  }

  #touch(): void {
    if (this.#idleMs === 0) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.emit('timeout'), this.#idleMs).unref();
  }

  setTimeout(ms: number, onTimeout?: () => void): this {
    this.#idleMs = ms;
    clearTimeout(this.#idle);
    if (onTimeout) this.once('timeout', onTimeout);
    this.#touch();
    return this;
  }

  setKeepAlive = (): this => this;
  setNoDelay = (): this => this;
  ref(): this {
    for (const part of this.#parts()) part.ref?.();
    return this;
  }
  /** An idle connection kept for the next call does not keep the host's process alive. */
  unref(): this {
    for (const part of this.#parts()) part.unref?.();
    return this;
  }
  #parts(): { ref?(): unknown; unref?(): unknown }[] {
    const { stdin, stdout, stderr } = this.#child;
    return [this.#child, stdin, stdout, stderr] as { ref?(): unknown; unref?(): unknown }[];
  }
}
