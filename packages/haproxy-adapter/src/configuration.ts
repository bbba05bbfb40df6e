/**
 * HAProxy's one-time configuration: a frontend that looks every request's host up in a map, and a number of empty backends. Everything
 * after that happens at run time; only more backends, another certificate or another address need a reload.
 */
import type { InvalidError } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { countingLines, tableSections } from './counting.js';
import { heldBackend, heldSection, isHeld } from './holding.js';
import { type HaproxyOptions, parseSettings, type Settings } from './options.js';

/** By this header somebody who knows the key asks which instance answers. HAProxy takes it off before it passes the request on. */
export const PROOF_HEADER = 'x-quayside-proof';
/** With it, whom it is to ask; and by this one it answers, with the name of the server that it chose: the instance's id. */
export const INSTANCE_HEADER = 'x-quayside-instance';
/** Beside it: among how many servers it has chosen. One answer does not tell whom else a route is shared with. */
export const SERVERS_HEADER = 'x-quayside-servers';
/** With both: although visitors are held. With the key alone somebody asks as a visitor does. */
export const PASS_HEADER = 'x-quayside-pass';
/** Behind the backend's name in a map's value comes the route's mark, then the word for a sticky route, and what holds its visitors (`holding.ts`). */
export const SEPARATOR = '|';
export const STICKY = 'sticky';
/** Its value is the name of the server that answered this visitor before: the instance's id. */
const STAY_COOKIE = 'quayside-stay';

/** The text of the configuration. The map file has to exist, and may be empty: `touch` it. */
export const haproxyConfiguration = (options: HaproxyOptions): Result<string, InvalidError<'invalid-options'>> =>
  parseSettings(options).map(configurationText);

export function configurationText(settings: Settings): string {
  const { name, map, proofKey, socket, configuration: given } = settings;
  const variable = (what: string) => `txn.${name.replaceAll('-', '_')}_${what}`;
  const [proof, route, stay, server] = [variable('proof'), variable('route'), variable('stay'), variable('server')];
  const pass = variable('pass');
  const isSticky = `{ var(${route}),word(3,${SEPARATOR}) -m str ${STICKY} }`;
  const isOurs = `{ var(${route}),word(2,${SEPARATOR}) -m found }`;
  const frontend = [
    `frontend ${name}`,
    ...given.bind.map((address) => `  bind ${address}`),
    ...(given.tls?.bind ?? []).map(
      (address) => `  bind ${address} ssl crt ${given.tls?.certificates} alpn h2,http/1.1`,
    ),
    '  mode http',
    '  option forwardfor',
    `  http-request set-var(${variable('begun')}) date(0,us)`,
    `  http-request set-var(${route}) req.hdr(host),field(1,:),lower,map(${map},${name}-none)`,
    `  http-request set-var(${stay}) req.cook(${STAY_COOKIE}) if ${isSticky}`,
    '  # The proof that a route leads to an instance: only for who knows the key.',
    `  http-request set-var(${proof}) bool(true) if { req.hdr(${PROOF_HEADER}) -m str ${proofKey} }`,
    `  http-request del-header ${PROOF_HEADER}`,
    `  http-request set-var(${stay}) req.hdr(${INSTANCE_HEADER}) if { var(${proof}) -m bool }`,
    `  http-request set-var(${pass}) bool(true) if { req.hdr(${PASS_HEADER}) -m found } { var(${stay}) -m found } { var(${proof}) -m bool }`,
    `  http-request del-header ${INSTANCE_HEADER}`,
    `  http-request del-header ${PASS_HEADER}`,
    `  http-after-response set-header ${INSTANCE_HEADER} %[srv_name] if { var(${proof}) -m bool }`,
    '  http-request set-header X-Forwarded-Proto https if { ssl_fc }',
    '  http-request set-header X-Forwarded-Proto http if !{ ssl_fc }',
    '  http-request set-header X-Forwarded-Host %[req.hdr(host)]',
    ...(given.tls?.redirect
      ? [`  http-request redirect scheme https code 308 if !{ ssl_fc } !{ var(${proof}) -m bool }`]
      : []),
    `  use_backend ${heldBackend(name)} if ${isHeld(route, SEPARATOR)} !{ var(${pass}) -m bool }`,
    `  use_backend %[var(${route}),word(1,${SEPARATOR})]`,
    `  default_backend ${name}-none`,
    '  # Whom a sticky route has sent to a server says so from then on.',
    `  http-response set-var(${server}) srv_name if ${isSticky}`,
    `  http-response add-header Set-Cookie "${STAY_COOKIE}=%[srv_name]; Path=/; HttpOnly; SameSite=Lax" if ${isSticky} !{ var(${stay}),strcmp(${server}) eq 0 } !{ var(${proof}) -m bool }`,
    '  # How many answers each instance has given, how many were errors, and how long they took.',
    ...countingLines(name, variable('begun'), variable('took'), `if ${isOurs} !{ var(${proof}) -m bool }`),
  ];
  const none = [
    `backend ${name}-none`,
    '  mode http',
    '  http-request return status 404 content-type text/plain string "Nothing is deployed here.\\n"',
  ];
  const held = heldSection(name, route, SEPARATOR);
  const slots = Array.from({ length: given.slots }, (_, slot) => [
    `backend ${name}-${slot}`,
    '  mode http',
    '  balance roundrobin',
    // A container that has just gone is asked no second time; another target of the route is.
    '  option redispatch',
    '  retry-on conn-failure empty-response',
    // One that is in maintenance, which a weight of 0 is, is passed over, and so is one that is not there.
    `  use-server %[var(${stay})] if { var(${stay}) -m found }`,
    `  http-after-response set-header ${SERVERS_HEADER} %[nbsrv] if { var(${proof}) -m bool }`,
    `  timeout server ${given.answerTimeout}`,
    `  timeout tunnel ${given.tunnelTimeout}`,
    '  timeout server-fin 10s',
  ]);
  const whole = [
    ['global', `  stats socket ${socketLine(socket)} level admin`, '  stats timeout 1h'],
    [
      'defaults',
      '  mode http',
      '  timeout connect 5s',
      '  timeout client 60s',
      `  timeout server ${given.answerTimeout}`,
      '  timeout http-request 15s',
      '  timeout http-keep-alive 75s',
      '  timeout client-fin 10s',
      '  retries 2',
    ],
  ];
  return `${[...(given.whole ? whole : []), frontend, none, held, ...tableSections(name), ...slots].map((section) => section.join('\n')).join('\n\n')}\n`;
}

/** A path is its owner's and the group's alone. */
const socketLine = (socket: string): string => (socket.startsWith('/') ? `${socket} mode 660` : `ipv4@${socket}`);
