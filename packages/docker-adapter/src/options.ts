/** What a host can say about its engine. Nothing said: the one that the docker command would use. */
import { check, duration, type InvalidError } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';
import { parseHost } from './address.js';
import type { CredentialSource } from './credentials.js';

const Options = z
  .strictObject({
    /**
     * Where the engine is: `unix:///var/run/docker.sock`, `tcp://host:2376`, `ssh://user@host`, `npipe:////./pipe/…`. Default: as
     * the docker command finds it (`DOCKER_HOST`, `DOCKER_CONTEXT`, the current context, the usual sockets).
     */
    host: z
      .string()
      .refine((text) => parseHost(text) !== undefined, {
        message:
          "expected an engine's address, such as 'unix:///var/run/docker.sock', 'tcp://host:2376' or 'ssh://user@host'",
      })
      .optional(),
    /** A context of `docker context ls`, in place of `host`. */
    context: z.string().min(1).optional(),
    /** Certificates for a `tcp` host: a folder with ca.pem, cert.pem and key.pem, or their PEM texts. */
    tls: z
      .strictObject({
        certPath: z.string().min(1).optional(),
        ca: z.string().min(1).optional(),
        cert: z.string().min(1).optional(),
        key: z.string().min(1).optional(),
        /** Whether the engine's certificate is checked; default true. */
        verify: z.boolean().optional(),
      })
      .optional(),
    /** The network of stages that name none; made where it is missing. Default `quayside`. */
    network: z
      .string()
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, "expected a network's name")
      .default('quayside'),
    /** The address of the node that engine-chosen ports are bound to; default `127.0.0.1`. */
    bind: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1'),
    /** What the engine's machine is called among endpoints; default: its host name. */
    node: z.string().min(1).optional(),
    /** Who we are at a registry, asked per pull; default: `~/.docker/config.json` with its credential helpers. */
    credentials: z.custom<CredentialSource>((value) => typeof value === 'function', 'expected a function').optional(),
    /** How long the engine may take to answer, beyond what it was asked to wait for; default 30 s. */
    answerTimeout: duration().pipe(z.int().positive()).default(30_000),
    /** How long a pull may bring nothing at all; default 5 min. How long it takes as a whole is the deployment's limit. */
    pullStall: duration().pipe(z.int().positive()).default(300_000),
  })
  .refine((options) => !(options.host && options.context), {
    path: ['context'],
    message: 'expected nothing beside `host`',
  });

export type DockerRuntimeOptions = z.input<typeof Options>;
export type ResolvedOptions = z.output<typeof Options>;

export const parseOptions = (options: unknown): Result<ResolvedOptions, InvalidError<'invalid-options'>> =>
  check('invalid-options', Options, options, 'dockerRuntime');
