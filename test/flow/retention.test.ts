/** What is left of the past on a real engine and disk: looked at through the engine, and never at the cost of what is somebody else's. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployer, unwrap } from '../../packages/core/src/index.js';
import { eventually } from '../support/engine.js';
import { type Field, openField } from '../support/field.js';
import { ask } from '../support/front-door.js';
import { pushApp } from '../support/images.js';

const TAGS = ['v1', 'v2', 'v3', 'v4', 'v5'];

let field: Field;
let deployer: Deployer;
let image: string;
beforeAll(async () => {
  field = await openField('retention');
  image = `${field.registry.host}/shop`;
  for (const version of TAGS) await pushApp(field.bench, `${image}:${version}`, { version });
  const keep = { history: { count: 4 }, logs: { count: 2 }, images: { count: 1 } };
  const stage = { maxInstances: 1, keep, drain: 0, stopGrace: 0 } as const;
  deployer = await field.deployer({
    shop: { image, port: 3000, stages: { dev: stage, 'pr-*': { ...stage, ttl: '1s' } } },
  });
});
afterAll(async () => {
  await field[Symbol.asyncDispose]();
});

const deploy = (tag: string, stage = 'dev') => unwrap(deployer.deploy({ project: 'shop', stage, tag }));

/** The digests of the repository's images that the engine has, by the references under which it has them. */
async function references(): Promise<string[]> {
  const all = await field.bench.docker.listImages();
  return all
    .flatMap(({ RepoDigests, RepoTags }) => [...(RepoDigests ?? []), ...(RepoTags ?? [])])
    .filter((each) => each.startsWith(image));
}

it('of images keeps what runs, what a roll back goes to, and what somebody has tagged or pulled; the others go', async () => {
  const { docker } = field.bench;
  const first = await deploy('v1');
  // A person gives a name to what the deployment has pulled: that is theirs from now on, the image itself stays by it.
  await docker.getImage(`${image}@${first.digest}`).tag({ repo: `${image}-by-hand`, tag: 'kept' });
  const digests: string[] = [];
  for (const tag of TAGS.slice(1)) digests.push((await deploy(tag)).digest ?? '');
  const [v2 = '', v3 = '', v4 = '', v5 = ''] = digests;
  // Either may be the last to go: a pruning that meets the next deployment leaves both to the one after that.
  const left = await eventually(
    'the older ones are gone',
    async () => {
      const all = await references();
      return !all.some((each) => each.endsWith(v2) || each.endsWith(v3)) && all;
    },
    20_000,
  );
  for (const digest of [v4, v5]) expect(left).toContain(`${image}@${digest}`);
  expect(left).toContain(`${image}-by-hand:kept`);
  // And what stays is enough to go back, without the registry.
  const back = await unwrap(deployer.rollBack({ project: 'shop', stage: 'dev' }));
  expect(back).toMatchObject({ status: 'succeeded', tag: 'v4', digest: v4 });
  expect((await ask(field.frontDoor, 'stage-dev-shop.bench.test')).body).toBe('v4\n');
});

it('keeps so many deployments and logs as were asked for, the newest', async () => {
  const items = await eventually(
    'the oldest are gone',
    async () => {
      const kept = (await unwrap(deployer.deployments.list({ project: 'shop', stage: 'dev' }))).items;
      return kept.length <= 4 && kept;
    },
    20_000,
  );
  expect(items.map(({ tag }) => tag)).toEqual(['v4', 'v5', 'v4', 'v3']);
  const lengths: number[] = [];
  for (const { id } of items) {
    let lines = 0;
    for await (const _ of deployer.logs(id)) lines += 1;
    lengths.push(lines);
  }
  expect(lengths.map((length) => length > 0)).toEqual([true, true, false, false]);
});

it('ends a preview when its time is over, its routes first, and leaves its neighbour alone', async () => {
  const domain = 'stage-pr-7-shop.bench.test';
  await deploy('v5', 'pr-7');
  expect((await ask(field.frontDoor, domain)).status).toBe(200);
  const watch = await unwrap(deployer.watch());
  await eventually('the preview is gone', async () => (await ask(field.frontDoor, domain)).status === 404, 60_000);
  await eventually(
    'its container too',
    async () => (await unwrap(deployer.instances.list({ project: 'shop', stage: 'pr-7' }))).items.length === 0,
    30_000,
  );
  await watch.stop();
  expect((await ask(field.frontDoor, 'stage-dev-shop.bench.test')).status).toBe(200);
});

it('prune() says what it would do, does just that, and leaves a container of nobody to be asked for', async () => {
  const { docker, prefix } = field.bench;
  const [known] = (await unwrap(deployer.instances.list({ project: 'shop', stage: 'dev' }))).items;
  const running = await docker.getContainer(known?.container ?? '').inspect();
  const stray = await docker.createContainer({
    name: `${prefix}-stray`,
    Image: running.Image,
    Labels: { ...running.Config.Labels, 'dev.quayside.deployment': '000000000000000001' },
  });
  const foreign = await docker.createContainer({
    name: `${prefix}-foreign`,
    Image: running.Image,
    Labels: {
      ...running.Config.Labels,
      'dev.quayside.store': 'another0store',
      'dev.quayside.deployment': '000000000000000002',
    },
  });
  try {
    expect((await unwrap(deployer.prune())).unowned).toEqual({ containers: [], routes: [] });
    const would = await unwrap(deployer.prune({ unowned: true, dryRun: true }));
    expect(would.unowned).toEqual({ containers: [`${prefix}-stray`], routes: [] });
    expect((await stray.inspect()).Id).toBe(stray.id);
    expect((await unwrap(deployer.prune({ unowned: true }))).unowned).toEqual(would.unowned);
    await expect(stray.inspect()).rejects.toMatchObject({ statusCode: 404 });
    expect((await foreign.inspect()).Id).toBe(foreign.id);
  } finally {
    await foreign.remove({ force: true });
    await stray.remove({ force: true }).catch(() => {});
  }
  expect((await ask(field.frontDoor, 'stage-dev-shop.bench.test')).status).toBe(200);
});
