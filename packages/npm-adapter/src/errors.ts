/** What can go wrong at Nginx Proxy Manager, as tagged errors. No message holds the secret or a token. */
import type { ProxyError } from '@quayside/core/ports';

type Of<Kind extends ProxyError['kind']> = Extract<ProxyError, { readonly kind: Kind }>;

const fault = <Kind extends ProxyError['kind']>(
  kind: Kind,
  message: string,
  hint: string,
  more: {
    readonly code?: string;
    readonly retryable?: boolean;
    readonly outcome?: 'unknown' | 'refused';
    readonly cause?: unknown;
  } = {},
): Of<Kind> => ({ kind, message, hint, retryable: false, ...more }) as unknown as Of<Kind>;

// --- nobody, or somebody else -----------------------------------------------------------------------------------------

export const closedError = (): ProxyError =>
  fault('closed', 'The proxy manager is closed.', 'Make a new one, or call it before `close()`.', {
    outcome: 'refused',
  });

/** Nobody answered. `wasSent`: the request may have arrived. */
export const unreachable = (url: string, how: string, code: string, wasSent: boolean): ProxyError =>
  fault(
    'proxy-unreachable',
    `Nginx Proxy Manager at ${url} does not answer: ${how}.`,
    'Check that it runs and that `url` is the address of its web page, as this process reaches it.',
    { code, retryable: true, outcome: wasSent ? 'unknown' : 'refused' },
  );

/** What stands before its API answered in its place. */
export const gatewayError = (url: string, status: number): ProxyError =>
  fault(
    'proxy-unreachable',
    `The API of Nginx Proxy Manager at ${url} is not there (${status}).`,
    'Wait until its backend has started; its log says why it does not (docker logs).',
    { code: String(status), retryable: true, outcome: 'unknown' },
  );

export const notNpm = (url: string, what: string): ProxyError =>
  fault(
    'proxy-refused',
    `What answers at ${url} does not speak the API of Nginx Proxy Manager: ${what}.`,
    'Correct `url`: the address of its web page, port 81 by default.',
    { code: 'not-npm' },
  );

// --- who we are -------------------------------------------------------------------------------------------------------

export const loginRefused = (url: string, message: string): ProxyError =>
  fault(
    'proxy-denied',
    `Nginx Proxy Manager at ${url} does not log us in: ${message}.`,
    'Correct `identity` and `secret`, and see that the user is not disabled.',
    { code: 'login' },
  );

export const notSetUp = (url: string): ProxyError =>
  fault(
    'proxy-denied',
    `Nginx Proxy Manager at ${url} has no user yet.`,
    `Open ${url} and create the first user; then one for Quayside, with the permission to manage proxy hosts.`,
    { code: 'not-set-up' },
  );

export const twoFactor = (url: string): ProxyError =>
  fault(
    'proxy-denied',
    `The user at Nginx Proxy Manager (${url}) has two-factor login, which nobody is here to answer.`,
    'Give Quayside a user of its own without it: no role, visibility "user", proxy hosts "manage" is enough.',
    { code: 'two-factor' },
  );

export const notPermitted = (url: string, what: string): ProxyError =>
  fault(
    'proxy-denied',
    `The user at Nginx Proxy Manager (${url}) may not do this: ${what}.`,
    'Give the user the permission to manage proxy hosts.',
    { code: 'permission' },
  );

// --- routes -----------------------------------------------------------------------------------------------------------

export const domainTaken = (domain: string, message: string): ProxyError =>
  fault(
    'domain-taken',
    `${domain} is somebody else's at Nginx Proxy Manager: ${message}.`,
    'Remove it there, or choose another domain. (It may be a redirection, or a host of a user that ours does not see.)',
  );

export const unusable = (what: string, hint: string): ProxyError =>
  fault('proxy-refused', what, hint, { code: 'invalid', outcome: 'refused' });

export const tooManyTargets = (domain: string, count: number): ProxyError =>
  fault(
    'unsupported',
    `${domain} cannot have ${count} targets: a route of Nginx Proxy Manager has one.`,
    'Give it one target.',
    { code: 'targets' },
  );

export const noExpect = (domain: string): ProxyError =>
  fault(
    'unsupported',
    `Nginx Proxy Manager cannot put ${domain} on a condition.`,
    'Put it without `expect`, under a lease for the whole proxy.',
    { code: 'expect' },
  );

/** The API refused the values. */
export const invalidRequest = (domain: string, message: string): ProxyError =>
  fault(
    'proxy-refused',
    `Nginx Proxy Manager does not take the route ${domain}: ${message}.`,
    "Correct the stage's proxy options.",
    { code: '400', outcome: 'refused' },
  );

/**
 * Nothing of the route was changed by then.
 * @param why in few words
 */
export function certificateRefused(domain: string, why: string, error: ProxyError): ProxyError {
  if (error.kind === 'aborted' || error.kind === 'closed') return error;
  const message = `Nginx Proxy Manager has no certificate for ${domain}, and does not get one: ${why}. The route is as it was.`;
  if (error.kind === 'proxy-denied') {
    const hint = 'Give the user the permission to manage certificates, or the stage the number of one that is there.';
    return fault('proxy-denied', message, hint, { code: 'permission', outcome: 'refused' });
  }
  return fault(error.kind, message, CERTIFICATE_HINT, { code: 'certificate', retryable: true, outcome: 'refused' });
}

const CERTIFICATE_HINT =
  "See that the domain's name leads to this proxy and its port 80 is open to the internet, and read the log of its certbot; or request it on the web page.";

/** It took the values, and nginx did not. */
export const nginxRefused = (domain: string, nginxError: string, aftermath: Aftermath): ProxyError =>
  fault(
    'proxy-refused',
    `nginx refuses the route ${domain}: ${nginxError}. ${AFTERMATH[aftermath]}`,
    aftermath === 'down'
      ? 'Look at the host on the web page of Nginx Proxy Manager: the route is down.'
      : "Correct the stage's proxy options or what somebody added to the host's custom configuration.",
    { code: 'nginx', outcome: aftermath === 'down' ? 'unknown' : 'refused' },
  );

/**
 * The API failed within, mostly because nginx is broken by something else or does not run.
 * @param aftermath absent: nobody has looked what became of it
 */
export const backendFailed = (domain: string, message: string, aftermath?: Aftermath): ProxyError =>
  fault(
    'proxy-refused',
    `Nginx Proxy Manager failed at the route ${domain}: ${message}.${aftermath ? ` ${AFTERMATH[aftermath]}` : ''}`,
    'See that its nginx runs and takes its configuration (nginx -t in its container), then try again.',
    {
      code: '500',
      retryable: true,
      outcome: aftermath === undefined || aftermath === 'down' ? 'unknown' : 'refused',
    },
  );

/** What became of the route after a write that failed. */
export type Aftermath = 'as-before' | 'absent' | 'down';

const AFTERMATH: { readonly [A in Aftermath]: string } = {
  'as-before': 'What it held before is in force again.',
  absent: 'There is no such route, as before.',
  down: 'What it held before could not be put back.',
};

/** The list has it no more, and requests are still answered by it. */
export const stillServed = (domain: string): ProxyError =>
  fault(
    'proxy-refused',
    `${domain} is removed from Nginx Proxy Manager, and its nginx goes on serving it.`,
    'See that its nginx takes its configuration (nginx -t in its container) and reload it; then try again.',
    { code: 'still-served', retryable: true, outcome: 'unknown' },
  );

export const unproved = (domain: string, instances: string, seen: string, hint: string): ProxyError =>
  fault('route-unproved', `${domain} is not proved to be served by ${instances}: ${seen}.`, hint, { retryable: true });
