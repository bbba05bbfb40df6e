/** What a registry's answers come to. Only its own error codes are quoted, never a body: it may repeat what it was sent. */
import type { RegistryError } from '@quayside/core/ports';
import type { Answer, Lost } from '../http/exchange.js';
import { isWorthRetrying, retryAfterMs } from '../http/retry-after.js';
import { SOCKET_WORDS } from '../http/socket-error.js';

export const unreachable = (
  registry: string,
  lost: Exclude<Lost, { kind: 'aborted' }>,
  limitMs: number,
): RegistryError => {
  const said =
    lost.kind === 'timeout' ? `no answer within ${limitMs} ms` : `${SOCKET_WORDS[lost.reason]} (${lost.text})`;
  return {
    kind: 'registry-unreachable',
    code: lost.kind === 'timeout' ? 'timeout' : lost.code,
    message: `The registry ${registry} does not answer: ${said}.`,
    hint: hintFor(registry, lost),
    retryable: true,
  };
};

function hintFor(registry: string, lost: Exclude<Lost, { kind: 'aborted' }>): string {
  const isTls = lost.kind === 'failed' && lost.reason === 'tls';
  if (!isTls) return `Check that ${registry} runs, and that this process can reach it.`;
  return lost.code === 'EPROTO' || lost.code.startsWith('ERR_SSL')
    ? `If ${registry} speaks plain HTTP, name it in \`insecure\`.`
    : `Check the certificate of ${registry}, and the authorities that this process trusts (NODE_EXTRA_CA_CERTS).`;
}

/** For any answer that is not the one that was hoped for. */
export function refusal(what: { readonly registry: string; readonly subject: string }, answer: Answer): RegistryError {
  const { registry, subject } = what;
  const { status } = answer;
  const word = errorCode(answer);
  const code = word ?? String(status);
  if (status === 404) {
    return {
      kind: 'image-not-found',
      code,
      message: `The registry ${registry} has no ${subject}.`,
      hint:
        word === 'NAME_UNKNOWN' ? 'Correct the repository, or push to it first.' : 'Push it, or correct the reference.',
      retryable: false,
    };
  }
  if (status === 401 || status === 403) {
    return {
      kind: 'registry-denied',
      code,
      message: `The registry ${registry} denies access to ${subject} (${status}).`,
      hint: 'Check that the repository exists and that the credentials may read it.',
      retryable: false,
    };
  }
  const waitMs = retryAfterMs(answer.headers);
  return {
    kind: 'registry-unreachable',
    code,
    message: `The registry ${registry} answered ${status}${word === null ? '' : ` ${word}`} when asked for ${subject}.`,
    hint:
      status === 429
        ? 'Wait, ask less often, or log in: the registry limits how often it is asked.'
        : 'Look at the registry, or at what stands between it and this process.',
    retryable: isWorthRetrying(status),
    ...(waitMs === undefined ? {} : { details: { retryAfterMs: waitMs } }),
  };
}

export const strange = (registry: string, code: string, message: string): RegistryError => ({
  kind: 'registry-unreachable',
  code,
  message: `The registry ${registry} ${message}.`,
  hint: 'Check that it is a registry (distribution API v2) that answers there, and no proxy or login page.',
  retryable: false,
});

/** `{ errors: [{ code }] }`. Source: OCI Distribution Specification 1.1, "Error Codes". */
function errorCode({ body }: Answer): string | null {
  try {
    const parsed = JSON.parse(new TextDecoder().decode(body)) as { errors?: { code?: unknown }[] } | null;
    const code = parsed?.errors?.[0]?.code;
    return typeof code === 'string' && /^[A-Z_]{1,64}$/.test(code) ? code : null;
  } catch {
    return null;
  }
}
