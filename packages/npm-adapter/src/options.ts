/** What a host says about its Nginx Proxy Manager. */
import { check, duration, type InvalidError, type Reach } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';

const address = (protocols: readonly string[], example: string) =>
  z.string().refine((text) => isAddress(text, protocols), {
    message: `expected an address such as '${example}', without user, password, query or fragment`,
  });

const name = z.string().min(1);

const Options = z.strictObject({
  /** Where its web page is: `http://npm.internal:81`, with or without `/api`. */
  url: address(['http:', 'https:'], 'http://127.0.0.1:81'),
  /** The e-mail address of the user to work as; one of its own, without two-factor login, is best. */
  identity: name,
  secret: name,
  /**
   * Where visitors come in, as this process reaches it: what proves a change. One address for plain HTTP (then HTTPS is looked for
   * at the same host, port 443), or both. Default: the host of `url`, ports 80 and 443.
   */
  frontDoor: z
    .union([
      address(['http:', 'https:'], 'http://127.0.0.1'),
      z.strictObject({
        http: address(['http:'], 'http://127.0.0.1').optional(),
        https: address(['https:'], 'https://127.0.0.1').optional(),
      }),
    ])
    .optional(),
  /**
   * What it can send requests to, the best first. Default: containers by name, on whatever network, which is right where it runs
   * in a container on the network of what is deployed.
   */
  reaches: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('name'), network: name }),
        z.strictObject({ kind: z.literal('address'), node: name }),
        z.strictObject({ kind: z.literal('published'), node: name }),
      ]),
    )
    .min(1)
    .default([{ kind: 'name', network: '*' }]),
  /** How long it may take to answer one request; default 10 s. (With hundreds of hosts a change takes seconds.) */
  answerTimeout: duration().pipe(z.int().positive()).default(10_000),
  /**
   * How long a change may take in all: its turn, the request, the look at what came of it and the way back; default 14 s. Nothing is
   * sent for it afterwards. It should end before the deployer's own limit for an effect (15 s).
   */
  writeTimeout: duration().pipe(z.int().positive()).default(14_000),
  /**
   * How much longer a change may take that has a certificate requested; default 60 s. The deployer waits as long only where its
   * `effectTimeoutMs` is longer: a request that goes on without it is not lost, the next put finds the certificate.
   */
  certificateTimeout: duration().pipe(z.int().positive()).default(60_000),
});

export type NginxProxyManagerOptions = z.input<typeof Options>;

/** Where visitors come in, by scheme. */
export interface FrontDoorAddresses {
  readonly http: URL;
  readonly https: URL;
}

export interface ResolvedOptions {
  /** Of the API, with a slash at its end. */
  readonly api: URL;
  /** Without that and without `/api`: what it is known by. */
  readonly identityUrl: string;
  readonly identity: string;
  readonly secret: string;
  readonly frontDoor: FrontDoorAddresses;
  readonly reaches: readonly Reach[];
  readonly answerTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly certificateTimeoutMs: number;
}

export const parseOptions = (options: unknown): Result<ResolvedOptions, InvalidError<'invalid-options'>> =>
  check('invalid-options', Options, options, 'nginxProxyManager').map((given) => {
    const base = baseOf(given.url);
    return {
      api: new URL(`${base}/api/`),
      identityUrl: base,
      identity: given.identity,
      secret: given.secret,
      frontDoor: frontDoorOf(given.frontDoor, new URL(base).hostname),
      reaches: given.reaches,
      answerTimeoutMs: given.answerTimeout,
      writeTimeoutMs: given.writeTimeout,
      certificateTimeoutMs: given.certificateTimeout,
    };
  });

function isAddress(text: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return protocols.includes(protocol) && !(username || password || search || hash);
}

/** `HTTP://Npm:81/api/` and `http://npm:81` are the same proxy, and have one identity. */
const baseOf = (url: string): string => new URL(url).href.replace(/\/+$/, '').replace(/\/api$/, '');

function frontDoorOf(
  given: string | { readonly http?: string | undefined; readonly https?: string | undefined } | undefined,
  host: string,
): FrontDoorAddresses {
  if (typeof given !== 'string') {
    const known = given?.http ?? given?.https;
    const other = known === undefined ? host : new URL(known).hostname;
    return { http: new URL(given?.http ?? `http://${other}`), https: new URL(given?.https ?? `https://${other}`) };
  }
  const url = new URL(given);
  const beside = url.hostname;
  if (url.protocol === 'https:') return { http: new URL(`http://${beside}`), https: url };
  return { http: url, https: new URL(`https://${beside}`) };
}
