/**
 * A real registry that sends its own notifications to a receiver, a real engine that pushes to it and runs what is deployed, and real polls: two
 * processes' worth of triggers over one database.
 */
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { type Deployer, unwrap } from '../../packages/core/src/index.js';
import { distributionRegistry } from '../../packages/http-adapter/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';
import {
  nodeListener,
  type TagPolicy,
  type TriggerReport,
  type Triggers,
  triggers,
} from '../../packages/trigger-adapter/src/index.js';
import { eventually } from '../support/engine.js';
import { type Field, openField } from '../support/field.js';
import { buildApp, pushApp, pushImage } from '../support/images.js';
import { freePort } from '../support/registry.js';
import type { CaseVerdict } from './cases.js';
import { SECRET } from './senders.js';

interface Place extends AsyncDisposable {
  readonly field: Field;
  readonly deployer: Deployer;
  readonly image: string;
  /** Two of them, as two processes have: the first receives. */
  readonly both: readonly [Triggers, Triggers];
  readonly reports: readonly TriggerReport[];
  /** How the registry's notifications were answered, and what they were. */
  readonly answers: readonly { readonly status: number; readonly body: string }[];
  /** The receiver answers everything with 503 while it is so. */
  isDown: boolean;
  /** Waits for a notification of that tag that was answered with 2xx. */
  told(tag: string): Promise<void>;
  deployed(): Promise<readonly { readonly tag: string; readonly digest: string | null; readonly status: string }[]>;
  settle(): Promise<void>;
}

export interface RealScenario {
  readonly name: string;
  readonly tags: TagPolicy;
  run(place: Place): Promise<readonly string[]>;
}

const push = ({ field, image }: Place, tag: string, version = tag) =>
  pushApp(field.bench, `${image}:${tag}`, { version });

async function judged(place: Place, expected: readonly string[]): Promise<string[]> {
  await place.settle();
  const found = await place.deployed();
  const problems = found
    .filter(({ status }) => status !== 'succeeded')
    .map(({ tag, status }) => `the deployment of ${tag} ended ${status}`);
  if (found.map(({ tag }) => tag).join() !== expected.join()) {
    problems.push(`deployed were ${found.map(({ tag }) => tag).join(', ') || 'none'}`);
  }
  return problems;
}

export const REAL: readonly RealScenario[] = [
  {
    name: 'a push is deployed by the registry’s notification, once, though two processes poll at the same time',
    tags: { semver: '^1' },
    async run(place) {
      await push(place, 'v1.0.0');
      await place.told('v1.0.0');
      await Promise.all(place.both.map((each) => each.poll()));
      const first = await judged(place, ['v1.0.0']);
      await Promise.all(place.both.map((each) => each.poll()));
      return [...first, ...(await judged(place, ['v1.0.0']))];
    },
  },
  {
    name: 'a push whose notification does not arrive is found by a poll, and nothing comes of the one that comes late',
    tags: { semver: '^1' },
    async run(place) {
      place.isDown = true;
      await push(place, 'v1.1.0');
      await place.both[1].poll();
      const problems = await judged(place, ['v1.1.0']);
      place.isDown = false;
      await place.told('v1.1.0');
      return [...problems, ...(await judged(place, ['v1.1.0']))];
    },
  },
  {
    name: 'one push of three tags is one deployment, of the version',
    tags: { glob: '*', order: 'semver' },
    async run(place) {
      const { bench } = place.field;
      const [version, ...others] = ['v2.0.0', 'v2', 'latest'].map((tag) => `${place.image}:${tag}`);
      await buildApp(bench, version ?? '', { version: 'v2.0.0' });
      for (const other of others) {
        const [repo, tag] = [other.slice(0, other.lastIndexOf(':')), other.slice(other.lastIndexOf(':') + 1)];
        await bench.docker.getImage(version ?? '').tag({ repo, tag });
      }
      for (const each of [...others, version ?? '']) await pushImage(bench, each);
      await place.told('v2.0.0');
      return judged(place, ['v2.0.0']);
    },
  },
  {
    name: 'a tag that moves is followed, by a notification and by a poll',
    tags: { digest: 'latest' },
    async run(place) {
      await push(place, 'latest', 'one');
      await place.told('latest');
      const problems = await judged(place, ['latest']);
      place.isDown = true;
      await push(place, 'latest', 'two');
      await place.both[1].poll();
      problems.push(...(await judged(place, ['latest', 'latest'])));
      const digests = new Set((await place.deployed()).map(({ digest }) => digest));
      return [...problems, ...(digests.size === 2 ? [] : ['both deployments are of one digest'])];
    },
  },
];

export async function runReal(scenario: RealScenario): Promise<CaseVerdict & { readonly bodies: readonly string[] }> {
  await using place = await openPlace(scenario.tags);
  const problems = [...(await scenario.run(place))];
  // What the registry holds back while it is answered with 503 counts once it was taken.
  const taken = place.answers.filter(({ status }) => status !== 503);
  for (const { status, body } of taken) {
    if (status !== 202 && status !== 200) problems.push(`a notification was answered with ${status}: ${body}`);
  }
  const counts = new Map<string | null, number>();
  for (const { digest } of await place.deployed()) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  const doubles = [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
  return { name: scenario.name, payloads: taken.length, problems, doubles, bodies: taken.map(({ body }) => body) };
}

async function openPlace(tags: TagPolicy): Promise<Place> {
  const port = await freePort();
  const answers: { status: number; body: string }[] = [];
  const reports: TriggerReport[] = [];
  const state = { isDown: false };
  let receive: (request: Request) => Promise<Response> = async () => new Response(null, { status: 503 });
  const server = createServer(
    nodeListener(async (request) => {
      const body = await request.clone().text();
      const response = state.isDown ? new Response(null, { status: 503 }) : await receive(request);
      answers.push({ status: response.status, body });
      return response;
    }),
  );
  const url = `http://127.0.0.1:${await listening(server)}/hooks/registry`;
  const field = await openField('triggers', { port, notifies: { url, authorization: `Bearer ${SECRET}` } });
  const image = `${field.registry.host}/acme/shop`;
  const deployer = await field.deployer({
    shop: { image, stages: { dev: { port: 3000, drain: 0, stopGrace: 0, restart: 'no' } } },
  });
  const open = (): Triggers =>
    unwrap(
      triggers({
        deployer,
        registry: distributionRegistry(),
        store: sqliteStore({ path: join(field.folder, 'quayside.db') }),
        onReport: (report) => reports.push(report),
        gather: 300,
        watch: [{ project: 'shop', stage: 'dev', image, tags }],
        sources: { registry: { kind: 'distribution', secret: SECRET, registry: field.registry.host } },
      }),
    );
  const both = [open(), open()] as const;
  receive = both[0].fetch;
  const deployed = async () =>
    [...(await unwrap(deployer.deployments.list())).items]
      .reverse()
      .map(({ tag, digest, status }) => ({ tag, digest, status }));
  return {
    field,
    deployer,
    image,
    both,
    reports,
    answers,
    get isDown() {
      return state.isDown;
    },
    set isDown(value) {
      state.isDown = value;
    },
    deployed,
    told: async (tag) => {
      await eventually(`a notification of ${tag} is taken`, () =>
        answers.some(({ status, body }) => status === 202 && body.includes(`"tag": "${tag}"`)),
      );
    },
    async settle() {
      await Promise.all(both.map((each) => each.idle()));
      const active = ['queued', 'running', 'rolling-back'];
      await eventually(
        'every deployment ends',
        async () => (await deployed()).every(({ status }) => !active.includes(status)),
        30_000,
      );
    },
    async [Symbol.asyncDispose]() {
      for (const each of both) await each.close();
      await deployer.close();
      await field[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
