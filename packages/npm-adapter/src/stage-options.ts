/**
 * What a stage can ask of its routes at the proxy: `options.proxy` of the stage.
 *
 * What is not said is left to whoever works at the proxy's web page: a new route gets the proxy's default, and what somebody
 * has chosen there for an existing one stays. What was said once and is not said any more goes back to the default.
 */
import { check, type InvalidError, type Json } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';

const StageOptions = z
  .strictObject({
    /**
     * The number of a certificate that the proxy has, as its web page shows it; 0: none. `request`: one that it has for the domain already,
     * else one that it requests from Let's Encrypt.
     */
    certificate: z
      .union([z.int().nonnegative(), z.literal('request')], { error: "expected a certificate's number, or 'request'" })
      .optional(),
    /** Whether plain HTTP is sent to HTTPS. */
    forceHttps: z.boolean().optional(),
    http2: z.boolean().optional(),
    hsts: z.boolean().optional(),
    hstsSubdomains: z.boolean().optional(),
    /** Whether `X-Forwarded-Proto` of a proxy before this one is believed; the product has it since 2.14. */
    trustForwardedProto: z.boolean().optional(),
    /** The number of an access list; 0: none. */
    accessList: z.int().nonnegative().optional(),
    /** Whether WebSockets pass; a new route's default is yes. */
    websockets: z.boolean().optional(),
    blockExploits: z.boolean().optional(),
    /** Whether the proxy caches assets. */
    caching: z.boolean().optional(),
    /** Directives for the route's `server` block, e.g. `client_max_body_size 100m;`. */
    advancedConfig: z
      .string()
      .max(32_768)
      .refine((text) => !text.includes('# quayside'), { message: "expected text without '# quayside'" })
      .optional(),
  })
  .superRefine((options, context) => {
    const needs = (field: keyof typeof options, other: keyof typeof options) => {
      if (options[field] === true && (options[other] === false || options[other] === 0)) {
        context.addIssue({ code: 'custom', path: [field], message: `expected false, as \`${other}\` is off` });
      }
    };
    // The proxy would switch these off without a word.
    needs('forceHttps', 'certificate');
    needs('http2', 'certificate');
    needs('hsts', 'forceHttps');
    needs('hstsSubdomains', 'hsts');
  });

export type StageOptions = z.output<typeof StageOptions>;

export const parseStageOptions = (value: unknown, path: string): Result<Json, InvalidError<'invalid-config'>> =>
  check('invalid-config', StageOptions, value ?? {}, path, Object.keys(StageOptions.shape)).map(
    (parsed) => JSON.parse(JSON.stringify(parsed)) as Json,
  );

/** What `parseStageOptions` made, come back from a spec. */
export const stageOptionsOf = (options: Json): StageOptions => StageOptions.safeParse(options ?? {}).data ?? {};
