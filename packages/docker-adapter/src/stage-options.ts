/** What a stage can ask of this engine beyond what every runtime knows: `options.runtime` of the stage. */
import { check, type InvalidError, type Json, size } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';

const names = z.array(z.string().min(1)).max(64);

export const StageOptions = z.strictObject({
  /** Capabilities added and taken away, e.g. `NET_ADMIN`, `ALL`. */
  capAdd: names.optional(),
  capDrop: names.optional(),
  /** E.g. `no-new-privileges`, `seccomp=/path`. */
  securityOpt: names.optional(),
  privileged: z.boolean().optional(),
  /** `/dev/shm`; in bytes, or `'256m'`. */
  shmSize: size().optional(),
  /** Lines of /etc/hosts: `name:address`; `host.docker.internal:host-gateway` is the machine itself. */
  extraHosts: names.optional(),
  dns: names.optional(),
  hostname: z.string().min(1).max(63).optional(),
  ulimits: z
    .array(z.strictObject({ name: z.string().min(1), soft: z.int(), hard: z.int() }))
    .max(32)
    .optional(),
  sysctls: z.record(z.string(), z.string()).optional(),
  /** Host devices, `/dev/fuse` or `/dev/a:/dev/b:rw`. */
  devices: names.optional(),
  /** How many GPUs, or all. */
  gpus: z.union([z.int().positive(), z.literal('all')]).optional(),
  /** Supplementary groups, by name or number. */
  groupAdd: names.optional(),
  /** Share of processor time against others, 2 to 262144; the engine's default is 1024. */
  cpuShares: z.int().min(2).max(262_144).optional(),
  /** Memory with swap, in bytes or `'1g'`; -1 is unlimited. */
  memorySwap: z.union([z.literal(-1), size()]).optional(),
  /** In place of the engine's own log driver; the stage's `logRotation` is then not applied. */
  logDriver: z
    .strictObject({ type: z.string().min(1), options: z.record(z.string(), z.string()).default({}) })
    .optional(),
});

export type StageOptions = z.output<typeof StageOptions>;

export const parseStageOptions = (value: unknown, path: string): Result<Json, InvalidError<'invalid-config'>> =>
  check('invalid-config', StageOptions, value ?? {}, path).map((parsed) => JSON.parse(JSON.stringify(parsed)) as Json);

/** What `parseStageOptions` made, come back from a spec. */
export const stageOptionsOf = (options: Json): StageOptions => StageOptions.safeParse(options ?? {}).data ?? {};
