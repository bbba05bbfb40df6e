/** Requests: what a webhook, a form or a person asks for. */
import {
  parseCancel,
  parseDeploy,
  parsePin,
  parseRemove,
  parseRollBack,
} from '../../../packages/core/src/deployer/requests.js';
import { isDigest, isRepository, isTag, parseReference } from '../../../packages/core/src/domain/reference.js';
import { mutatedText, mutatedTree } from '../mutate.js';
import {
  firstOf,
  strangePrototype,
  unsafeDigest,
  unsafeLine,
  unsafeRepository,
  unsafeTag,
  unsafeVariable,
  type Verdict,
} from '../oracles.js';
import type { Target } from '../target.js';

const DEPLOYS = [
  { project: 'shop', stage: 'dev', tag: 'v1.4.2' },
  {
    project: 'shop',
    stage: 'pr-42',
    tag: 'latest',
    digest: `sha256:${'0123456789abcdef'.repeat(4)}`,
    force: true,
    by: 'Jane Doe <jane@example.com>',
    env: { LOG_LEVEL: 'debug', 'app.name': 'x', _A: '' },
    policy: 'supersede',
    running: 'cancel',
    idempotencyKey: 'delivery-72d3162e',
  },
];
const OTHERS = [
  { project: 'shop', stage: 'dev', to: 'v1', by: 'me', force: false },
  { instance: '01k6v1c9q0n2f7abcd' },
  { instance: '01k6v1c9q0n2f7abcd', by: 'me' },
  { by: 'me', reason: 'wrong version' },
  { project: 'shop', stage: 'dev' },
];

const line = (value: unknown, lengthMax: number): Verdict =>
  value === undefined ? null : unsafeLine(value, lengthMax);

function unsafeRequest(request: Record<string, unknown>, given: unknown): Verdict {
  const { project, stage, tag, digest, by, reason, env, to, instance } = request;
  const wanted = (given as { env?: object }).env;
  return firstOf([
    strangePrototype(request),
    line(project, 100),
    line(stage, 100),
    line(by, 200),
    line(reason, 200),
    tag === undefined ? null : unsafeTag(tag),
    to === undefined ? null : unsafeTag(to),
    digest === undefined ? null : unsafeDigest(digest),
    instance === undefined || /^[0-9a-z]{18}$/.test(String(instance)) ? null : 'an instance that is no id',
    ...Object.entries((env ?? {}) as object).map(([name, value]) => unsafeVariable(name, value)),
    // What somebody asked for and nobody refused is there.
    env === undefined || Object.keys(env as object).length === Object.keys(wanted ?? {}).length
      ? null
      : 'variables that were lost',
  ]);
}

const deploys: Target = {
  name: 'request to deploy',
  share: 22,
  make: (roll, others) => mutatedTree(roll, roll.pick(DEPLOYS), others),
  judge(input) {
    const parsed = parseDeploy(input);
    return parsed.isOk() ? unsafeRequest(parsed.value as unknown as Record<string, unknown>, input) : null;
  },
};

const others: Target = {
  name: 'other request',
  share: 10,
  make: (roll, strangers) => [roll.int(4), mutatedTree(roll, roll.pick(OTHERS), strangers)],
  judge([which, input]: [number, unknown]) {
    const parsed = [parseRollBack, parseCancel, parsePin, parseRemove][which]?.(input as never);
    return parsed?.isOk() ? unsafeRequest(parsed.value as unknown as Record<string, unknown>, input) : null;
  },
};

const REFERENCES = [
  'v1.4.2',
  'registry.example.com:5000/team/shop:v1',
  'ghcr.io/a/b@sha256:'.concat('0123456789abcdef'.repeat(4)),
  '[::1]:5000/shop',
  'docker.io/library/nginx',
  'shop__a/b--c.d',
];

const references: Target = {
  name: 'reference',
  share: 20,
  make: (roll) => mutatedText(roll, roll.pick(REFERENCES)),
  judge(input: string) {
    const reference = parseReference(input);
    return firstOf([
      isTag(input) ? unsafeTag(input) : null,
      isDigest(input) ? unsafeDigest(input) : null,
      isRepository(input) ? unsafeRepository(input) : null,
      reference?.tag === undefined ? null : unsafeTag(reference.tag),
      reference?.digest === undefined ? null : unsafeDigest(reference.digest),
      reference === undefined ? null : unsafeRepository(reference.path),
      reference === undefined ? null : unsafeRepository(`${reference.registry.slice(0, 253)}/a`),
    ]);
  },
};

export const requestTargets: readonly Target[] = [deploys, others, references];
