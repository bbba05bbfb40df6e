/** Per port, the error that its caller gets when nobody answers: whether the call worked is not known then. */
import type { TaggedError } from '../../domain/errors.js';

const away = <K extends TaggedError['kind']>(kind: K, who: string): TaggedError<K> => ({
  kind,
  code: 'injected',
  message: `The ${who} did not answer (an injected fault).`,
  hint: 'Take the fault out of the test.',
  retryable: true,
});

export const outage = {
  runtime: away('engine-unreachable', 'engine'),
  proxy: away('proxy-unreachable', 'proxy'),
  store: away('store-unavailable', 'store'),
  registry: away('registry-unreachable', 'registry'),
  probe: { ...away('probe-failed', 'app'), reason: 'timeout' as const },
  notifier: away('notify-failed', 'receiver'),
  sealer: { ...away('secret-unreadable', 'sealer'), retryable: false },
} as const;
