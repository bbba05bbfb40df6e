import type { Container, ContainerRuntime, ContainerSpec, LocalImage } from '../../../ports/container-runtime.js';
import { holds, open, value } from '../assert.js';

/** What the laws of a runtime work with. Nothing of it is on the engine when a law begins. */
export interface RuntimeSubject {
  readonly runtime: ContainerRuntime;
  /** Two stores that no other law uses. */
  readonly storeId: string;
  readonly otherStoreId: string;
  /** What names of containers and networks begin with, used by no other law: at most 32 of `[a-z0-9-]`. */
  readonly prefix: string;
  /** References at a registry. Each of the first three writes the lines `first` and `second` when it starts. */
  readonly images: {
    /** Listens on port 3000 and runs until it is stopped. */
    readonly app: string;
    /** Ends by itself within a few seconds, with exit code 3. */
    readonly ends: string;
    /** Runs until it is stopped; its own health check comes to `healthy`. */
    readonly healthy: string;
    /** Its command is not in it: without an init process the engine cannot start it. */
    readonly unstartable: string;
    /** A tag that its repository has not. */
    readonly missing: string;
  };
  /** Lets the first tag point to what the second points to, at the registry alone, until the harness is closed; absent where it cannot. */
  move?(tag: string, to: string): Promise<void>;
  /** A port of the node that nobody uses. */
  freePort(): Promise<number>;
  /** Asks until the condition gives something; fails after a bound. Where time is virtual, it moves on meanwhile. */
  eventually<T>(what: string, condition: () => Promise<T | undefined | false>): Promise<T>;
}

/** A container as plain as it can be: no image of its own kind, no network but the runtime's default. */
export function plainSpec(
  subject: Pick<RuntimeSubject, 'prefix' | 'storeId'>,
  more: Partial<ContainerSpec> & { image: string },
): ContainerSpec {
  return {
    name: `${subject.prefix}-one`,
    owner: { storeId: subject.storeId, deployment: 'deployment-1' },
    project: 'shop',
    stage: 'dev',
    tag: 'v1',
    env: {},
    port: 3000,
    expose: [],
    options: null,
    labels: {},
    command: null,
    entrypoint: null,
    workingDir: null,
    user: null,
    readOnlyRoot: false,
    init: true,
    mounts: [],
    limits: { memoryBytes: null, cpus: null, pids: null },
    restart: 'no',
    logRotation: null,
    networks: [],
    ports: [],
    stopSignal: null,
    stopGraceMs: 1_000,
    ...more,
  };
}

/** The same container as meant by somebody else. */
export const foreign = (spec: ContainerSpec): ContainerSpec => ({
  ...spec,
  owner: { ...spec.owner, deployment: 'deployment-2' },
});

export const pulled = (subject: RuntimeSubject, reference: string): Promise<LocalImage> =>
  value(subject.runtime.pull(reference, open()), 'an image of the registry can be pulled');

/** The image pulled and a container of it created, by its digest as a deployment does it. */
export async function created(
  subject: RuntimeSubject,
  reference: string,
  more: Partial<ContainerSpec> = {},
): Promise<ContainerSpec> {
  const image = await pulled(subject, reference);
  const spec = plainSpec(subject, { image: image.digests[0] ?? image.id, ...more });
  await value(subject.runtime.create(spec, open()), 'a container can be created');
  return spec;
}

/** … and started. */
export async function running(
  subject: RuntimeSubject,
  reference: string,
  more: Partial<ContainerSpec> = {},
): Promise<ContainerSpec> {
  const spec = await created(subject, reference, more);
  await value(subject.runtime.start(spec, open()), 'a container can be started');
  return spec;
}

export async function seen(subject: RuntimeSubject, { name }: { readonly name: string }): Promise<Container> {
  const container = await value(
    subject.runtime.inspect(name, { ...open(), port: 3000 }),
    'a container can be inspected',
  );
  holds(container, `the container ${name} is there`);
  return container;
}

export const absent = async (subject: RuntimeSubject, name: string, rule: string): Promise<void> =>
  holds((await value(subject.runtime.inspect(name, { ...open(), port: null }))) === undefined, rule);

/** Waits until it has ended. */
export const ended = (subject: RuntimeSubject, { name }: { readonly name: string }): Promise<Container> =>
  subject.eventually(`${name} ends`, async () => {
    const container = await seen(subject, { name });
    return container.state === 'exited' && container;
  });
