/** What a host says about certificates. */
import { isAbsolute } from 'node:path';
import { check, duration, type InvalidError } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';

/** The certificate, followed by those that vouch for it, and its key: PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface TlsOptions {
  /**
   * By domain, `*.example.com` for every domain of one label more: certificate and key, each as PEM text or as the absolute path of a
   * file. Files are read again when `refreshEvery` is over.
   */
  readonly certificates?: { readonly [domain: string]: CertificatePair };
  /**
   * Asked for a domain that has a route and none of these certificates; undefined: it has none. What it answers is kept, and asked for
   * again after `refreshEvery`; until the new answer is there, and as long as it fails, visitors get the old one.
   */
  readonly certificate?: (
    domain: string,
    signal: AbortSignal,
  ) => CertificatePair | undefined | PromiseLike<CertificatePair | undefined>;
  /** How long that, or a file, may take; default 5 s. A visitor who waits for it longer is refused. */
  readonly answerTimeout?: string | number;
  /** Default 1 min. */
  readonly refreshEvery?: string | number;
}

const isPem = (text: string): boolean => text.includes('-----BEGIN ');
const pem = z
  .string()
  .refine(
    (text) => isPem(text) || (isAbsolute(text) && !text.includes('\n')),
    'PEM text, or the absolute path of a file',
  );
const DOMAIN = /^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/;

export const Tls = z
  .strictObject({
    certificates: z
      .record(
        z.string().regex(DOMAIN, 'a domain in lower case, or one such as *.example.com'),
        z.strictObject({ cert: pem, key: pem }),
      )
      .default({}),
    certificate: z
      .custom<NonNullable<TlsOptions['certificate']>>((value) => typeof value === 'function', 'a function')
      .optional(),
    answerTimeout: duration()
      .refine((ms) => ms >= 1, 'a duration of at least 1 ms')
      .prefault('5s'),
    refreshEvery: duration()
      .refine((ms) => ms >= 100, 'a duration of at least 100 ms')
      .prefault('1m'),
  })
  .refine(({ certificates, certificate }) => certificate !== undefined || Object.keys(certificates).length > 0, {
    message: 'certificates, or a function `certificate`',
  });

export type TlsSettings = z.output<typeof Tls>;

const Everyones = z.strictObject({ cert: pem, key: pem });

/** What `listen({ tls: { cert, key } })` was given, and how it is kept up: as certificates are that nobody has said more about. */
export const parseEveryones = (
  pair: CertificatePair,
  settings: TlsSettings | undefined,
): Result<{ readonly pair: CertificatePair; readonly settings: TlsSettings }, InvalidError<'invalid-options'>> =>
  check('invalid-options', Everyones, pair, 'tls').map((checked) => ({
    pair: checked,
    settings: settings ?? Tls.parse({ certificate: () => undefined }),
  }));

export const isFile = (text: string): boolean => !isPem(text);
