/** Quayside as a library of a running process, with one of its proxies, and no option that a user would not have. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unwrap } from '../../../packages/core/src/index.js';
import { sqliteStore } from '../../../packages/sql-adapter/src/index.js';
import { DOORS } from '../doors.js';
import { engineVersion } from '../engine-calls.js';
import { versionOf } from '../front-proxies.js';
import { APP_PORT, type Ground, type Peer } from './peer.js';

const STAGE = { project: 'shop', stage: 'dev' } as const;
const MANIFEST = new URL('../../../packages/core/package.json', import.meta.url);
/** What a proxy has beside Quayside itself. */
const PROGRAMS: { readonly [name in keyof typeof DOORS]: Readonly<Record<string, readonly string[]>> } = {
  embedded: {},
  haproxy: { haproxy: ['haproxy', '-v'] },
  'nginx proxy manager': { nginx: ['nginx', '-v'] },
};

export async function openQuayside(proxy: keyof typeof DOORS, { field, image, signal, own }: Ground): Promise<Peer> {
  const door = await own(DOORS[proxy](field));
  const store = unwrap(sqliteStore({ path: join(field.folder, `${proxy}.db`) }));
  // As many as with the others: by default the two before it would stay beside the new one.
  const stage = { port: APP_PORT, maxInstances: 1 };
  const deployer = await own(
    field.deployer(
      { [STAGE.project]: { image, stages: { [STAGE.stage]: stage } } },
      { options: { ...door.options.options, store } },
    ),
  );
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string };
  const versions: Record<string, string> = { quayside: version, ...(await engineVersion(field.bench.docker)) };
  for (const [name, command] of Object.entries(PROGRAMS[proxy])) versions[name] = await versionOf(command);
  return {
    name: `quayside, ${proxy}`,
    isOurs: true,
    isInProcess: true,
    versions,
    door: { port: door.frontDoor().port, within: [] },
    async deploy(tag) {
      const deployment = await unwrap(deployer.deploy({ ...STAGE, tag }, { signal }));
      // A cutover to what still runs would be less work than the others have.
      if (!deployment.steps.some(({ name }) => name === 'create')) throw new Error(`${tag} was not created anew`);
      return undefined;
    },
    async running() {
      return (await unwrap(deployer.instances.list(STAGE))).items.length;
    },
  };
}
