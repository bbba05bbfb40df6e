/** What others do to containers of ours on a real engine, and what watching makes of it: looked at through the front door. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployer, type StoredEvent, unwrap } from '../../packages/core/src/index.js';
import { eventually } from '../support/engine.js';
import { type Field, openField } from '../support/field.js';
import { ask } from '../support/front-door.js';
import { pushApp } from '../support/images.js';

let field: Field;
let deployer: Deployer;
const told: StoredEvent[] = [];
beforeAll(async () => {
  field = await openField('watch');
  const image = `${field.registry.host}/shop`;
  for (const version of ['v1', 'v2']) await pushApp(field.bench, `${image}:${version}`, { version });
  deployer = await field.deployer({ shop: { image, port: 3000, stages: { '*': {} } } });
  for (const type of ['route.healed', 'instance.condition'] as const)
    deployer.on(type, (payload) => void told.push({ type, payload } as unknown as StoredEvent));
  await unwrap(deployer.watch());
});
afterAll(async () => {
  await field[Symbol.asyncDispose]();
});

async function deployed(stage: string, tag = 'v1') {
  const { instance } = await unwrap(deployer.deploy({ project: 'shop', stage, tag }));
  const { container } = await unwrap(deployer.instances.get(instance ?? ''));
  return { domain: `stage-${stage}-shop.bench.test`, container: field.bench.docker.getContainer(container), instance };
}

const serves = (domain: string, tag = 'v1') =>
  eventually(`${domain} serves`, async () => (await ask(field.frontDoor, domain)).body === `${tag}\n`, 20_000);

it('follows a container that was started again to its new address', async () => {
  const { domain, container } = await deployed('moves');
  const addressOf = async () =>
    (await container.inspect()).NetworkSettings.Networks[field.network]?.IPAddress ?? 'none';
  const before = await addressOf();
  // Whoever comes in between gets the address, where the engine gives it to the next one.
  await container.stop({ t: 0 });
  const other = await deployed('other', 'v2');
  await container.start();
  await eventually('it has an address again', async () => (await addressOf()) !== '', 20_000);
  await serves(domain);
  await serves(other.domain, 'v2');
  const hasMoved = (await addressOf()) !== before;
  await eventually('that is told', () => told.some(({ type }) => type === 'route.healed') === hasMoved);
});

it('starts again what somebody has stopped', async () => {
  const { domain, container } = await deployed('stopped');
  await container.stop({ t: 0 });
  await serves(domain);
  expect((await container.inspect()).State.Running).toBe(true);
});

it('takes the routes of a container off that somebody has removed, and tells of it', async () => {
  const { domain, container, instance } = await deployed('removed');
  await container.remove({ force: true });
  await eventually('it is told', () =>
    told.some(({ type, payload }) => {
      if (type !== 'instance.condition') return false;
      const { condition, instance: lost } = payload as {
        condition: { state: string } | null;
        instance: { id: string };
      };
      return lost.id === instance && condition?.state === 'lost';
    }),
  );
  await eventually('nothing leads there', async () => (await ask(field.frontDoor, domain)).status === 404);
  expect(await unwrap(deployer.instances.get(instance ?? ''))).toMatchObject({ condition: { state: 'lost' } });
  // The next deployment makes all of it good.
  await deployed('removed');
  await serves(domain);
});
