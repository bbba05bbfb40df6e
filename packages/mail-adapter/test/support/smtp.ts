/** An SMTP server on loopback, and what a person reads of the mails that it took. */
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export type Mood = 'takes' | 'away' | 'busy' | 'refuses' | 'hangs';

export interface Took {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly secure: boolean;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  readonly html: string;
}

export interface Smtp {
  readonly port: number;
  readonly taken: readonly Took[];
  /** Those that wait for an answer which never comes, and all that are open. */
  readonly connections: { hung: number; open(): number };
  mood: Mood;
  /** What it says to a recipient; undefined: it is taken. */
  refuse: (address: string) => readonly [code: number, text: string] | undefined;
  close(): Promise<void>;
}

const reply = ([code, text]: readonly [number, string]) => Object.assign(new Error(text), { responseCode: code });

export async function smtp(options: SMTPServerOptions & { readonly password?: string } = {}): Promise<Smtp> {
  const { password, ...given } = options;
  const taken: Took[] = [];
  const connections = { hung: 0, open: () => server.connections.size };
  const state: Pick<Smtp, 'mood' | 'refuse'> = { mood: 'takes', refuse: () => undefined };
  const server = new SMTPServer({
    authOptional: password === undefined,
    // Without a certificate of the test's own there is no TLS.
    disabledCommands: [...(password === undefined ? ['AUTH'] : []), ...(given.cert ? [] : ['STARTTLS'])],
    disableReverseLookup: true,
    closeTimeout: 100,
    ...given,
    onAuth: (auth, _session, done) => {
      if (auth.password === password) return done(null, { user: auth.username });
      // As some servers do, it repeats what it was given.
      done(reply([535, `5.7.8 Authentication of ${auth.username} with ${auth.password} failed`]));
    },
    onMailFrom: (_address, _session, done) => {
      if (state.mood === 'hangs') {
        connections.hung += 1;
        return;
      }
      if (state.mood === 'away') return done(reply([421, `4.3.2 Going down, ${password}`]));
      if (state.mood === 'busy') return done(reply([451, '4.7.1 Try again later']));
      if (state.mood === 'refuses') return done(reply([550, `5.7.1 Not from you, ${password}`]));
      done();
    },
    onRcptTo: ({ address }, _session, done) => {
      const refused = state.refuse(address);
      done(refused ? reply(refused) : null);
    },
    onData: (stream, session, done) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        taken.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          user: session.user as string | undefined,
          secure: session.secure,
          ...readMail(Buffer.concat(parts).toString('latin1')),
        });
        done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    port: (server.server.address() as AddressInfo).port,
    taken,
    connections,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  });
}

function readMail(raw: string): Pick<Took, 'headers' | 'text' | 'html'> {
  const { headers, body } = partOf(raw);
  const [, boundary = ''] = /boundary="([^"]+)"/.exec(headers.get('content-type') ?? '') ?? [];
  const parts = body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => partOf(part.replace(/^\r\n/, '')));
  const of = (type: string) => {
    const part = parts.find((each) => each.headers.get('content-type')?.startsWith(type));
    return part ? decoded(part) : '';
  };
  return { headers, text: of('text/plain'), html: of('text/html') };
}

function partOf(raw: string) {
  const end = raw.indexOf('\r\n\r\n');
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { headers, body: raw.slice(end + 4) };
}

function decoded({ headers, body }: ReturnType<typeof partOf>): string {
  const encoding = headers.get('content-transfer-encoding');
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding !== 'quoted-printable') return Buffer.from(body, 'latin1').toString('utf8');
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
