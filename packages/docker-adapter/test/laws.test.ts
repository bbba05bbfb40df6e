import { conforms, containerRuntimeLaws } from '@quayside/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, openWorkbench } from '../../../test/support/engine.js';
import { type AppImage, pushApp } from '../../../test/support/images.js';
import { freePort, startRegistry, type TestRegistry } from '../../../test/support/registry.js';
import { dockerRuntime } from '../src/index.js';

const bench = openWorkbench('laws');
let registry: TestRegistry;
let laws = 0;

const LINES = 'echo first; echo second;';
const APPS: { readonly [tag: string]: Partial<AppImage> } = {
  app: { command: ['sh', '-c', `${LINES} exec httpd -f -p 3000 -h /www`] },
  ends: { command: ['sh', '-c', `${LINES} usleep 300000; exit 3`] },
  healthy: { command: ['sh', '-c', `${LINES} exec httpd -f -p 3000 -h /www`], healthcheck: 'healthy' },
  unstartable: { command: ['no-such-command'] },
};

beforeAll(async () => {
  registry = await startRegistry();
  for (const [tag, app] of Object.entries(APPS)) {
    await pushApp(bench, `${registry.host}/shop:${tag}`, { version: tag, ...app });
  }
});

afterAll(async () => {
  await registry?.stop();
  await bench.cleanUp();
  expect(await bench.leftovers()).toEqual({ containers: [], images: [], networks: [], volumes: [] });
});

const MANIFESTS = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json';

/** Lets a tag of the registry point to what another one points to; answers how to let it point back. */
async function moveTag(tag: string, to: string): Promise<() => Promise<void>> {
  const at = (reference: string) => {
    const [, path = '', name = ''] = /^[^/]+\/(.+):([^:]+)$/.exec(reference) ?? [];
    return `http://${registry.host}/v2/${path}/manifests/${name}`;
  };
  const read = async (reference: string) => {
    const answer = await fetch(at(reference), { headers: { accept: MANIFESTS } });
    return { type: answer.headers.get('content-type') ?? '', body: Buffer.from(await answer.arrayBuffer()) };
  };
  const write = async ({ type, body }: Awaited<ReturnType<typeof read>>) => {
    const { status } = await fetch(at(tag), { method: 'PUT', headers: { 'content-type': type }, body });
    expect(status).toBe(201);
  };
  const before = await read(tag);
  await write(await read(to));
  return () => write(before);
}

describe('a Docker engine keeps the laws of ContainerRuntime', () => {
  conforms(it, containerRuntimeLaws, async () => {
    laws += 1;
    const prefix = `${bench.prefix}-${laws}`;
    const runtime = dockerRuntime({ network: `${bench.prefix}-apps` })._unsafeUnwrap();
    const reference = (tag: string) => `${registry.host}/shop:${tag}`;
    const undo: (() => Promise<void>)[] = [];
    return {
      runtime,
      prefix,
      storeId: `${prefix}-store`,
      otherStoreId: `${prefix}-other`,
      images: {
        app: reference('app'),
        ends: reference('ends'),
        healthy: reference('healthy'),
        unstartable: reference('unstartable'),
        missing: reference('missing'),
      },
      freePort,
      eventually,
      async move(tag: string, to: string) {
        undo.push(await moveTag(tag, to));
      },
      async close() {
        for (const each of undo) await each();
        await runtime.close();
        const { docker } = bench;
        const isOurs = (name: string) => name.startsWith(prefix);
        for (const { Id, Names } of await docker.listContainers({ all: true })) {
          if (Names.some((name) => isOurs(name.slice(1)))) await docker.getContainer(Id).remove({ force: true });
        }
        for (const { Id, Name } of await docker.listNetworks()) if (isOurs(Name)) await docker.getNetwork(Id).remove();
        for (const { Id, RepoTags, RepoDigests } of await docker.listImages()) {
          const names = [...(RepoTags ?? []), ...(RepoDigests ?? [])];
          if (names.some((name) => name.startsWith(`${registry.host}/`))) {
            await docker.getImage(Id).remove({ force: true });
          }
        }
      },
    };
  });
});
