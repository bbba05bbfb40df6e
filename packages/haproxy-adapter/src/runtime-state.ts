/** What HAProxy holds now, read from its runtime socket and understood. */
import type { Holding, ProxyError, Route, Target } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { SEPARATOR, STICKY } from './configuration.js';
import { refused } from './errors.js';
import { heldBackend, holdingFields, holdingOf } from './holding.js';
import type { RuntimeApi } from './socket.js';

/** An entry of the map: which backend serves a domain, and whose it is. */
export interface Entry {
  readonly domain: string;
  readonly backend: string;
  /** Null: a person's. */
  readonly mark: string | null;
  readonly isSticky: boolean;
  /** What its visitors are told; undefined: they are sent on. */
  readonly holding: Holding | undefined;
}

export interface Server {
  readonly backend: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly isReady: boolean;
}

/** One of our empty backends is taken by whoever could add this server to it; it never serves. */
export const CLAIM = 'claim';

/** Whether a backend is one of the slots of that name. */
export function slotsOf(name: string): (backend: string) => boolean {
  const pattern = new RegExp(`^${name}-\\d+$`);
  return (backend) => pattern.test(backend);
}

export function entryValue(backend: string, { mark, sticky = false, holding }: Route): string {
  if (!holding) return [backend, mark, ...(sticky ? [STICKY] : [])].join(SEPARATOR);
  return [backend, mark, sticky ? STICKY : '', ...holdingFields(holding)].join(SEPARATOR);
}

export function entryOf(domain: string, value: string): Entry {
  const [backend = '', mark, sticky, ...rest] = value.split(SEPARATOR);
  return { domain, backend, mark: mark || null, isSticky: sticky === STICKY, holding: holdingOf(rest) };
}

export const targetsIn = (servers: readonly Server[], backend: string): Target[] =>
  servers
    .filter((server) => server.backend === backend && server.name !== CLAIM)
    .map(({ name, host, port, weight }) => ({ instance: name, host, port, weight }));

const noMap = (map: string): ProxyError =>
  refused(
    'no-map',
    `HAProxy knows no map ${map}.`,
    "Give `map` as HAProxy's configuration names it, and see that the configuration is the one that haproxyConfiguration() makes.",
  );

const isNoMap = (answer: string): boolean => answer.startsWith('Unknown map identifier');

export async function readEntry(
  api: RuntimeApi,
  map: string,
  domain: string,
  signal: AbortSignal,
): Promise<Result<Entry | undefined, ProxyError>> {
  const answers = await api.run([`get map ${map} ${domain}`], signal);
  if (answers.isErr()) return err(answers.error);
  const [answer = ''] = answers.value;
  if (isNoMap(answer)) return err(noMap(map));
  const value = /found=yes.*?, value="([^"]*)"/.exec(answer)?.[1];
  return ok(value === undefined ? undefined : entryOf(domain, value));
}

export interface Everything {
  /** HAProxy's process: another one has lost what was set at run time. */
  readonly process: string;
  readonly entries: readonly Entry[];
  readonly servers: readonly Server[];
  /** Names of backends, of whatever kind. */
  readonly backends: readonly string[];
}

/** All of it in one go, so that its parts fit each other. */
export async function readEverything(
  api: RuntimeApi,
  map: string,
  signal: AbortSignal,
): Promise<Result<Everything, ProxyError>> {
  const answers = await api.run(['show info', `show map ${map}`, 'show servers state', 'show backend'], signal);
  if (answers.isErr()) return err(answers.error);
  const [info = '', entries = '', servers = '', backends = ''] = answers.value;
  if (isNoMap(entries)) return err(noMap(map));
  return ok({
    process: processOf(info),
    entries: lines(entries).flatMap((line) => {
      // An address of its own, the key, and the value.
      const [, domain, value] = /^0x[0-9a-f]+ (\S+) (.*)$/.exec(line) ?? [];
      return domain === undefined || value === undefined ? [] : [entryOf(domain, value)];
    }),
    servers: serversOf(servers),
    backends: lines(backends).filter((line) => !line.startsWith('#')),
  });
}

/** Whether the configuration has what answers visitors who are held: one of before that would send them on. */
export const hasHolding = ({ backends }: Pick<Everything, 'backends'>, name: string): boolean =>
  backends.includes(heldBackend(name));

/** Changes with every start and reload. */
export async function readProcess(api: RuntimeApi, signal: AbortSignal): Promise<Result<string, ProxyError>> {
  return (await api.run(['show info'], signal)).map(([info = '']) => processOf(info));
}

/** A process id may come again, and hardly ever with the same start: uptime alone goes on, so it is not part of it. */
const processOf = (info: string): string => /^Pid: (\d+)$/m.exec(info)?.[1] ?? info;

/** Source: HAProxy 2.6, management guide, "show servers state", whose first line is the format's version. */
function serversOf(text: string): Server[] {
  const [, head = '', ...rows] = lines(text);
  const columns = head.replace(/^# */, '').split(' ');
  return rows.flatMap((row) => {
    const fields = row.split(' ');
    const of = (column: string): string => fields[columns.indexOf(column)] ?? '';
    if (fields.length < columns.length) return [];
    // Of the administrative state's bits 0x01 is "forced into maintenance", 0x08 "forced to drain".
    const admin = Number(of('srv_admin_state'));
    return [
      {
        backend: of('be_name'),
        name: of('srv_name'),
        host: of('srv_addr'),
        port: Number(of('srv_port')),
        weight: Number(of('srv_uweight')),
        isReady: (admin & 0x2f) === 0 && of('srv_op_state') === '2',
      },
    ];
  });
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');
