/** What registries, receivers and command lines send: headers, texts, words. */

import { parseArguments } from '../../../packages/cli/src/arguments/parse.js';
import { envFlag } from '../../../packages/cli/src/arguments/values.js';
import { COMMANDS } from '../../../packages/cli/src/commands/index.js';
import { plain } from '../../../packages/cli/src/terminal/width.js';
import { parseDeploy } from '../../../packages/core/src/deployer/requests.js';
import { redactor } from '../../../packages/core/src/kernel/redactor.js';
import { parseDockerConfig } from '../../../packages/docker-adapter/src/docker-config.js';
import { parseStageOptions, stageOptionsOf } from '../../../packages/docker-adapter/src/stage-options.js';
import { retryAfterMs } from '../../../packages/http-adapter/src/http/retry-after.js';
import { parseChallenges } from '../../../packages/http-adapter/src/registry/challenge.js';
import { nextTarget } from '../../../packages/http-adapter/src/registry/tags.js';
import { mutatedText, mutatedTree } from '../mutate.js';
import { firstOf, strangePrototype, unsafeVariable } from '../oracles.js';
import type { Target } from '../target.js';

const CHALLENGE =
  'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:shop:pull", Basic realm="x"';
const LINK = '</v2/shop/tags/list?last=v9&n=100>; rel="next"';
const SPECS = COMMANDS.map(({ spec }) => spec);
const WORDS = ['deploy', 'shop', 'dev', 'v1', '--env', 'A=b', '--json', '-c', 'quayside.config.ts', '--by', 'me', '--'];
const SECRETS = [
  'correct-horse/battery+staple',
  'p&ss"w<rd ü',
  'postgres://app:s3cr%2Ft@db/x',
  'line one of it\nline two of it',
];

export const headerTargets: readonly Target[] = [
  {
    name: 'header of a registry',
    share: 6,
    make: (roll) => [
      mutatedText(roll, CHALLENGE),
      mutatedText(roll, LINK),
      mutatedText(roll, roll.pick(['120', 'Wed, 21 Oct 2026 07:28:00 GMT'])),
    ],
    judge([challenge, link, wait]: [string, string, string]) {
      const target = nextTarget(link, 'https://registry.example.com/v2/shop/tags/list');
      const pause = retryAfterMs(new Headers(isHeaderValue(wait) ? { 'retry-after': wait } : {}), 0);
      return firstOf([
        strangePrototype(parseChallenges(challenge)),
        target === undefined || target.startsWith('/v2/') ? null : 'a page somewhere else',
        target === undefined || new URL(`https://registry.example.com${target}`).host === 'registry.example.com'
          ? null
          : 'a page of another host',
        pause === undefined || (Number.isFinite(pause) && pause >= 0) ? null : 'a pause that never ends',
      ]);
    },
  },
  {
    name: 'docker configuration',
    share: 2,
    make: (roll, others) =>
      JSON.stringify(
        mutatedTree(roll, { auths: { 'ghcr.io': { auth: 'bWU6cHc=' } }, credHelpers: { a: 'b' } }, others),
        plainly,
      ) ?? mutatedText(roll, '{"auths":{}}'),
    judge: (input: string) => strangePrototype(parseDockerConfig(input).unwrapOr({})),
  },
  {
    name: 'stage options of the engine',
    share: 2,
    make: (roll, others) =>
      mutatedTree(
        roll,
        {
          capAdd: ['NET_ADMIN'],
          sysctls: { a: 'b' },
          devices: ['/dev/fuse'],
          ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
        },
        others,
      ),
    judge(input) {
      const parsed = parseStageOptions(input, 'shop.dev');
      return parsed.isOk()
        ? firstOf([strangePrototype(parsed.value), strangePrototype(stageOptionsOf(parsed.value))])
        : null;
    },
  },
  {
    name: 'command line',
    share: 4,
    make: (roll) =>
      WORDS.map((word) => (roll.chance(0.2) ? mutatedText(roll, word) : word)).filter(() => roll.chance(0.85)),
    judge(words: string[]) {
      const parsed = parseArguments(words, SPECS);
      if (parsed.isErr()) return null;
      const env = envFlag(parsed.value, { HOME: '/home/me' });
      if (env.isErr()) return null;
      const asked = parseDeploy({ project: 'shop', stage: 'dev', tag: 'v1', env: env.value });
      if (asked.isErr()) return null;
      return firstOf(Object.entries(asked.value.env ?? {}).map(([name, value]) => unsafeVariable(name, value)));
    },
  },
  {
    name: 'text for a terminal',
    share: 4,
    make: (roll) => mutatedText(roll, 'shop/dev v1 \x1b[2J'),
    judge: (input: string) =>
      [...plain(input)].some((char) => char < ' ' && char !== '\n' && char !== '\t') ? 'a control sequence' : null,
  },
  {
    name: 'text with a secret in it',
    share: 6,
    make: (roll) => [roll.int(SECRETS.length), mutatedText(roll, 'log '), mutatedText(roll, ' end'), roll.int(4)],
    judge([which, before, after, form]: [number, string, string, number]) {
      const secret = SECRETS[which] ?? '';
      const written =
        [
          secret,
          Buffer.from(`user:${secret}`).toString('base64'),
          encodeURIComponent(secret),
          JSON.stringify(JSON.stringify(secret)),
        ][form] ?? '';
      const shown = HIDERS[which]?.text(`${before}${written}${after}`) ?? '';
      // Of base 64 the neighbours' characters stay, and of the user's name as well.
      const kept = form === 1 ? written.slice(8, -4) : written.slice(3, -3);
      return shown.includes(kept) ? 'a secret that is still there' : null;
    },
  },
];

const HIDERS = SECRETS.map((secret) => redactor([secret]));

function isHeaderValue(value: string): boolean {
  try {
    new Headers({ a: value });
    return true;
  } catch {
    return false;
  }
}

const plainly = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
