/** Nginx Proxy Manager answers 500, hangs, works and says nothing, takes and does not apply; its nginx dies. */
import type { Ending, FaultCase } from '../case.js';
import type { Moment } from '../moments.js';
import type { Site } from '../site.js';

const HOSTS = '/nginx/proxy-hosts';
const npmOf = ({ npm }: Site) => {
  if (!npm) throw new Error('The case has no Nginx Proxy Manager.');
  return npm;
};
const heal = (site: Site) => npmOf(site).heal();

/** The tagged route is new, and comes before the health check; the default one is there, and is moved at the cutover. */
const ROUTE: Moment = { port: 'proxy', method: 'put', call: 1, when: 'before' };
const CUTOVER: Moment = { port: 'proxy', method: 'put', call: 2, when: 'before' };
const KINDS = ['proxy-refused', 'proxy-unreachable', 'timeout', 'route-unproved'];
const failed = (step: string): Ending => ({ status: ['failed'], kinds: KINDS, step });
const either: Ending = { status: ['failed', 'succeeded'], kinds: KINDS };

type Spoilt = Parameters<ReturnType<typeof npmOf>['fail']>[0];

const spoilt = (name: string, at: Moment, fault: Spoilt, ends: Ending, more: Partial<FaultCase> = {}): FaultCase => ({
  name,
  proxy: 'npm',
  ...more,
  fault: { at, strike: (site) => npmOf(site).fail(fault), mend: heal },
  ends,
});

const POST = `POST ${HOSTS}`;
const PUT = `PUT ${HOSTS}`;
const FOR_LONG = 1_000;

export const proxyCases: readonly FaultCase[] = [
  spoilt('the proxy answers 500 to a new route', ROUTE, { on: POST, how: 500, times: FOR_LONG }, failed('route')),
  spoilt(
    'the proxy answers 500 to a new route that it has made',
    ROUTE,
    { on: POST, how: 500, when: 'after', times: FOR_LONG },
    either,
    { isShort: true },
  ),
  spoilt('the proxy hangs at a new route', ROUTE, { on: POST, how: 'hang', times: FOR_LONG }, failed('route')),
  spoilt(
    'the proxy makes a new route and never says so',
    ROUTE,
    { on: POST, how: 'hang', when: 'after', times: FOR_LONG },
    either,
  ),
  spoilt('the proxy answers 500 to the cutover', CUTOVER, { on: PUT, how: 500, times: FOR_LONG }, failed('cutover')),
  spoilt(
    'the proxy moves the route and answers 500',
    CUTOVER,
    { on: PUT, how: 500, when: 'after', times: FOR_LONG },
    either,
  ),
  spoilt(
    'the proxy moves the route and never says so',
    CUTOVER,
    { on: PUT, how: 'hang', when: 'after', times: FOR_LONG },
    either,
    { isShort: true },
  ),
  spoilt('the proxy hangs at the cutover', CUTOVER, { on: PUT, how: 'hang', times: FOR_LONG }, failed('cutover')),
  spoilt('the connection to the proxy breaks off at the cutover', CUTOVER, { on: PUT, how: 'reset' }, either),
  spoilt(
    'the proxy answers nothing but 502 from the cutover on',
    CUTOVER,
    { on: '', how: 502, times: FOR_LONG },
    failed('cutover'),
  ),
  spoilt(
    'the proxy does not answer at all from the cutover on',
    CUTOVER,
    { on: '', how: 'hang', times: FOR_LONG },
    failed('cutover'),
  ),
  {
    name: 'the proxy takes the cutover and does not apply it',
    proxy: 'npm',
    isShort: true,
    stage: { proveTimeout: '3s' },
    fault: {
      at: CUTOVER,
      strike: (site) => npmOf(site).nginx.freeze(true),
      mend: (site) => npmOf(site).nginx.freeze(false),
    },
    ends: { status: ['failed'], kinds: ['route-unproved'], step: 'cutover' },
  },
  {
    name: 'the nginx of the proxy dies at the cutover, and is started again',
    proxy: 'npm',
    isOutage: true,
    fault: {
      at: CUTOVER,
      strike: (site) => npmOf(site).nginx.kill(),
      mend: (site) => npmOf(site).nginx.start(),
      mendAfterMs: 2_000,
    },
    ends: either,
  },
  {
    name: 'somebody breaks the configuration of nginx before the cutover',
    proxy: 'npm',
    fault: {
      at: CUTOVER,
      strike: (site) => npmOf(site).nginx.break(true),
      mend: (site) => npmOf(site).nginx.break(false),
    },
    ends: failed('cutover'),
  },
  spoilt(
    'the proxy answers 500 to the removal of a route in retire',
    { port: 'proxy', method: 'remove', when: 'before' },
    { on: `DELETE ${HOSTS}`, how: 500, times: 2 },
    { status: ['succeeded'] },
    { stage: { maxInstances: 1 } },
  ),
  spoilt(
    'the proxy hangs at the removal of a route in an undo',
    { port: 'proxy', method: 'remove', when: 'before' },
    { on: `DELETE ${HOSTS}`, how: 'hang', times: FOR_LONG },
    { status: ['failed'], kinds: ['unhealthy'], step: 'health' },
    { tag: 'silent' },
  ),
  {
    name: 'the token of the proxy is refused from the route on',
    proxy: 'npm',
    fault: { at: ROUTE, strike: (site) => npmOf(site).tokens.changeKeys() },
    ends: { status: ['succeeded'] },
  },
];
