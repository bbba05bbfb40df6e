/**
 * The demo: an app goes live in three versions, one of them at the second try, while somebody keeps asking for it.
 *
 * Everything here is real: the engine, the registry, the containers, the requests. Started by `npm run demo` (scripts/demo.mjs), which
 * sees to what it needs and runs it against the packages as they are built.
 */
import { createDeployer, type Deployer, type HealthEvidence, unwrap } from '@quayside/core';
import { dockerRuntime } from '@quayside/docker-adapter';
import { httpProbe } from '@quayside/http-adapter';
import { embeddedProxy } from '@quayside/proxy-adapter';
import { sqliteStore } from '@quayside/sql-adapter';
import { type Ground, type Left, openGround } from './ground.js';
import { publishApp } from './images.js';
import { processesLeft } from './processes.js';
import { type Screen, screen, wantsColours } from './screen.js';
import { ask, type Visitor, visit } from './visitor.js';

export { processesLeft };

export interface DemoOptions {
  readonly socketPath: string;
  /** `NAME=value`, in the environment of everything that is started. */
  readonly mark: string;
  readonly signal: AbortSignal;
}

export interface Outcome extends Left {
  readonly routes: number;
  /** Null: all went as it should. */
  readonly failure: string | null;
}

const STAGE = { project: 'shop', stage: 'dev' } as const;
const LIMIT_MS = 15_000;

export async function runDemo({ socketPath, mark, signal }: DemoOptions): Promise<Outcome> {
  const out = screen((line) => console.log(line), wantsColours(process.stdout, process.env));
  out.scene('The ground: an engine, a registry, three images of one app');
  const ground = await openGround(socketPath);
  let failure: string | null = null;
  let routes = 0;
  try {
    await prepare(ground, mark, socketPath, out, signal);
    routes = await deployments(ground, socketPath, out, signal);
  } catch (error) {
    failure = signal.aborted ? 'interrupted' : messageOf(error);
  }
  // Also after a failure, and whatever the deployer has removed already.
  await ground.clear().catch((error) => {
    failure ??= `clearing up: ${messageOf(error)}`;
  });
  return { ...(await ground.left()), routes, failure };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function prepare(
  { bench, registry }: Ground,
  mark: string,
  socketPath: string,
  out: Screen,
  signal: AbortSignal,
) {
  const { Version } = await bench.docker.version();
  out.fact('engine', `Docker ${Version} at ${socketPath}`);
  out.fact('registry', `${registry.host}, started for this`);
  for (const version of ['v1', 'v2', 'v3']) {
    signal.throwIfAborted();
    await publishApp(bench, `${registry.host}/shop`, version, mark);
  }
  const images = (await bench.leftovers()).images.length;
  out.fact(
    'images',
    `shop:v1, shop:v2, shop:v3: from scratch with a static busybox, pushed, ${images} left on the engine`,
  );
}

/** @returns how many routes are left */
async function deployments(ground: Ground, socketPath: string, out: Screen, signal: AbortSignal): Promise<number> {
  /** What the host knows of the app's settings: v3 will ask for more. */
  const settings: Record<string, string> = {};
  const proxy = await unwrap(embeddedProxy());
  const deployer = await unwrap(
    createDeployer({
      runtime: dockerRuntime({ host: `unix://${socketPath}`, network: `${ground.bench.prefix}-net` }),
      proxy,
      store: sqliteStore({ path: `${ground.folder}/quayside.db` }),
      probe: httpProbe(),
      settings: { domain: 'apps.localhost' },
      projects: {
        shop: {
          image: `${ground.registry.host}/shop`,
          env: () => settings,
          stages: { dev: { port: 3000, maxInstances: 2, domains: ['shop.localhost'] } },
        },
      },
    }),
  );
  let visitor: Visitor | undefined;
  try {
    const { url } = await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
    out.fact('proxy', `${url}, in this process`);
    deployer.on('deployment.log', ({ entry }) => out.log(entry.level, entry.step, entry.message));
    const deploy = (tag: string) => deployer.deploy({ ...STAGE, tag, by: 'the demo' }, { signal });

    out.scene('v1 goes live: on a domain of its own, on the default one, and on shop.localhost');
    await unwrap(deploy('v1'));
    await expectAnswers(url, out, { 'stage-dev-shop': 'v1', 'shop.localhost': 'v1', 'stage-dev-shop-v1': 'v1' });
    visitor = visit(url, 'shop.localhost');
    out.line(`   ${out.dim('From here on a visitor asks shop.localhost, about every 10 ms, until the end.')}`);

    out.scene('v2 beside it: the default domains move once it is healthy, v1 stays where it is');
    await unwrap(deploy('v2'));
    await expectAnswers(url, out, { 'stage-dev-shop': 'v2', 'stage-dev-shop-v1': 'v1', 'stage-dev-shop-v2': 'v2' });

    out.scene('v3 is broken: nobody told it where its database is');
    await showFailure(deployer, deploy('v3'), out);
    await expectAnswers(url, out, { 'stage-dev-shop': 'v2', 'stage-dev-shop-v1': 'v1', 'stage-dev-shop-v3': 404 });
    await expectContainers(ground, out, 2);

    out.scene('v3 again, with DATABASE_URL: two instances may run, so v1 has to go');
    settings['DATABASE_URL'] = 'postgres://shop@db/shop';
    const evicted = nextRetired(deployer, 'v1');
    await unwrap(deploy('v3'));
    await evicted;
    out.line(`   ${out.dim('v1 is evicted: its route first, then, once nothing is in flight, its container.')}`);
    await expectAnswers(url, out, {
      'stage-dev-shop': 'v3',
      'stage-dev-shop-v2': 'v2',
      'stage-dev-shop-v3': 'v3',
      'stage-dev-shop-v1': 404,
    });
    await expectContainers(ground, out, 2);

    out.scene('Back to v2: it still runs, so that is a health check and a cutover');
    await unwrap(deployer.rollBack({ ...STAGE, by: 'the demo' }, { signal }));
    await expectAnswers(url, out, { 'stage-dev-shop': 'v2', 'shop.localhost': 'v2', 'stage-dev-shop-v3': 'v3' });

    await visitor.leave();
    await showHistory(deployer, out);
    reportVisitor(visitor, out);

    out.scene('Everything goes again: routes, containers, network, images, registry, store');
    await removeStage(deployer, out);
    const domains = ['stage-dev-shop', 'shop.localhost', 'stage-dev-shop-v2', 'stage-dev-shop-v3'];
    await expectAnswers(url, out, Object.fromEntries(domains.map((domain) => [domain, 404])));
    return (await unwrap(deployer.routes.list())).items.length;
  } catch (error) {
    // What serves is retired by who put it there; what is left after that is swept from the engine.
    await deployer.remove(STAGE).unwrapOr(undefined);
    throw error;
  } finally {
    await visitor?.leave();
    await deployer.close({ timeoutMs: 10_000, running: 'cancel' });
  }
}

/** A deployment that has to fail: why it did, in the container's own words, and what it left. */
async function showFailure(deployer: Deployer, deployment: ReturnType<Deployer['deploy']>, out: Screen): Promise<void> {
  const answer = await deployment;
  if (answer.isOk()) throw new Error(`v3 was to fail, and ${answer.value.status}.`);
  const { error } = answer;
  if (error.kind !== 'unhealthy') throw new Error(`v3 was to be unhealthy: ${error.kind}, ${error.message}`);
  const { container, lastLines } = error.details as unknown as HealthEvidence;
  out.fact('error', out.bad(`${error.kind} (${error.code}) at step ${error.step}, exit code ${container?.exitCode}`));
  for (const line of new Set(lastLines)) out.fact('its words', line);
  const { status, cleanup } = await unwrap(deployer.deployments.get(error.deployment?.id ?? ''));
  out.fact('record', `status ${status}, cleanup ${cleanup}`);
}

/** Asks each domain through the proxy, prints what it says, and fails where that is something else. */
async function expectAnswers(
  url: string,
  out: Screen,
  expected: Readonly<Record<string, string | number>>,
): Promise<void> {
  for (const [name, wanted] of Object.entries(expected)) {
    const domain = name.includes('.') ? name : `${name}.apps.localhost`;
    const { status, body } = await ask(url, domain);
    const said = status === 200 ? body : String(status);
    const isRight = said === (typeof wanted === 'number' ? String(wanted) : `Hello from ${wanted}`);
    const text = status === 200 ? `200  ${body}` : `${status}  nothing is deployed there`;
    out.line(`   GET ${domain.padEnd(34)} ${isRight ? out.good(text) : out.bad(`${text}, expected ${wanted}`)}`);
    if (!isRight) throw new Error(`${domain} answered "${said}", expected ${wanted}`);
  }
}

async function expectContainers({ bench }: Ground, out: Screen, wanted: number): Promise<void> {
  const { containers } = await bench.leftovers();
  out.fact('containers', containers.join(', '));
  if (containers.length !== wanted) throw new Error(`${containers.length} containers run, expected ${wanted}`);
}

/** Settles when the instance of that tag is gone. */
function nextRetired(deployer: Deployer, tag: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${tag} was not retired within ${LIMIT_MS} ms`)), LIMIT_MS);
    const off = deployer.on('instance.retired', ({ instance }) => {
      if (instance.tag !== tag) return;
      clearTimeout(timer);
      off();
      resolve();
    });
    // Nobody waits for it any more when the deployment before it failed.
    timer.unref();
  });
}

async function showHistory(deployer: Deployer, out: Screen): Promise<void> {
  out.scene('The history, as the store has it');
  const { items } = await unwrap(deployer.deployments.list(STAGE));
  for (const { id, kind, tag, status, durationMs, error } of [...items].reverse()) {
    const seconds = `${((durationMs ?? 0) / 1000).toFixed(2)} s`;
    const verdict = status === 'succeeded' ? out.good(status.padEnd(10)) : out.bad(status.padEnd(10));
    out.line(
      `   ${out.dim(id)}  ${kind.padEnd(8)}  ${tag}  ${verdict} ${seconds.padStart(7)}  ${error?.code ?? ''}`.trimEnd(),
    );
  }
}

function reportVisitor({ seen, failures }: Visitor, out: Screen): void {
  const total = [...seen.values()].reduce((sum, count) => sum + count, 0);
  const by = [...seen].map(([said, count]) => `${count} × "${said}"`).join(', ');
  const verdict = failures.length === 0 ? out.good('0 failed') : out.bad(`${failures.length} failed: ${failures[0]}`);
  out.fact('visitor', `${total} requests, ${verdict}; ${by}`);
  if (failures.length > 0) throw new Error(`the visitor met ${failures.length} failures: ${failures[0]}`);
}

async function removeStage(deployer: Deployer, out: Screen): Promise<void> {
  const running = (await unwrap(deployer.instances.list(STAGE))).items;
  const gone = running.map(({ tag }) => nextRetired(deployer, tag));
  const { instances } = await unwrap(deployer.remove(STAGE));
  await Promise.all(gone);
  out.line(`   ${instances.length} instances are retired: unrouted, drained, stopped, removed.`);
}
