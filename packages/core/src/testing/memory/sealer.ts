import { errAsync, okAsync } from 'neverthrow';
import { hashText } from '../../domain/hash.js';
import type { Sealer } from '../../ports/sealer.js';

/**
 * A sealer for tests: it hides nothing from somebody who looks closely, but whoever forgets to open a value, or opens it under
 * another context or key, sees it fail.
 */
export function memorySealer(key = 'test-key'): Sealer {
  let count = 0;
  return {
    seal(value, context) {
      count += 1;
      const body = encodeURIComponent(value);
      const shuffled = [...body].map((char) => String.fromCharCode(char.charCodeAt(0) ^ 1)).join('');
      return okAsync(JSON.stringify([count, hashText(`${key}|${context}|${count}|${body}`).slice(0, 16), shuffled]));
    },
    open(sealed, context) {
      const unreadable = errAsync({
        kind: 'secret-unreadable' as const,
        message: `A value sealed for ${context} cannot be opened.`,
        hint: 'Give the host the key that it was sealed with.',
        retryable: false,
      });
      try {
        const [count, tag, shuffled] = JSON.parse(sealed) as [number, string, string];
        const body = [...shuffled].map((char) => String.fromCharCode(char.charCodeAt(0) ^ 1)).join('');
        if (hashText(`${key}|${context}|${count}|${body}`).slice(0, 16) !== tag) return unreadable;
        return okAsync(decodeURIComponent(body));
      } catch {
        return unreadable;
      }
    },
    fingerprint: (text) => okAsync(hashText(`${key}|${text}`)),
  };
}
