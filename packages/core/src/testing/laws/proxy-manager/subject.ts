import type { Json } from '../../../domain/json.js';
import type { ProofRequest, ProxyManager, Route, Target } from '../../../ports/proxy-manager.js';
import { holds, open, same, value } from '../assert.js';

/** An app that the proxy reaches, and where. */
export interface ServedTarget extends Target {
  /** Paths with their query, as they arrived; absent where the app cannot see them. */
  requests?(): readonly string[];
  /** From then on nobody listens there. */
  stop(): Promise<void>;
}

/** A download through the front door that its app does not end by itself. */
export interface OpenDownload {
  /** Whether a piece that its app sends now arrives. */
  goesOn(): Promise<boolean>;
  close(): Promise<void>;
}

export interface ProxyManagerSubject {
  readonly proxy: ProxyManager;
  /** 12 characters of `[0-9a-z]`, of nobody else's routes. */
  readonly storeId: string;
  /** What `parseOptions` makes of a stage that gives none. */
  readonly options: Json;
  /** A domain that the proxy may be given and nobody holds; for one name always the same. */
  domain(name: string): string;
  /**
   * Starts an app that the proxy reaches, and that knows itself by the instance's name.
   * @param app its status, default 200 for every path; `port` for one that listens where another did
   */
  serve(
    instance: string,
    app?: { readonly status?: number | ((path: string) => number); readonly at?: Target },
  ): Promise<ServedTarget>;
  /**
   * One request through the front door, on a connection of its own: its status, and the app that answered (null: none).
   * @param cookie `name=value`, as an earlier answer gave it: only a proxy with the capability `sticky` gives one
   */
  request(
    domain: string,
    path?: string,
    cookie?: string,
  ): Promise<{ readonly status: number; readonly instance: string | null; readonly cookie?: string | undefined }>;
  /**
   * The same as a browser asks, by `Accept: text/html`: the whole answer, its headers' names in lower case. Only what the capability
   * `holding` promises is looked at by it.
   */
  page?(domain: string): Promise<{
    readonly status: number;
    readonly headers: { readonly [name: string]: string | undefined };
    readonly body: string;
  }>;
  /** Begins a download from the instance that answers now; absent where a put cuts it off. */
  download?(domain: string): Promise<OpenDownload>;
  /** Puts a route without a mark, as a person would who works at the proxy; answers when it serves. */
  occupy(domain: string, target: Target): Promise<void>;
  /** From now on the proxy takes changes and does not apply them; absent where it cannot be made to. */
  lie?(on: boolean): Promise<void>;
  /** Awaits, letting a virtual clock go on meanwhile; with a real one it just awaits. */
  until<T>(promise: PromiseLike<T>): Promise<T>;
  /** Lets a little time pass (real proxies: 5 ms). */
  pause(): Promise<void>;
}

export const GET: ProofRequest = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] };

/** The target alone, without what only the harness knows. */
export const targetOf = ({ instance, host, port }: Target): Target => ({ instance, host, port });

export const routeTo = (
  subject: ProxyManagerSubject,
  name: string,
  target: Target,
  storeId = subject.storeId,
): Route => ({
  domain: subject.domain(name),
  mark: `${storeId}-${name}`,
  targets: [targetOf(target)],
  options: subject.options,
});

export const put = (subject: ProxyManagerSubject, route: Route) =>
  value(subject.until(subject.proxy.put(route, open())), `${route.domain} is put`);

/** Puts a route and waits until requests see it. */
export async function serveAt(subject: ProxyManagerSubject, route: Route): Promise<void> {
  await put(subject, route);
  await value(subject.until(subject.proxy.prove(route, GET, open())), `${route.domain} is proved after its put`);
}

export const get = (subject: ProxyManagerSubject, domain: string) =>
  value(subject.until(subject.proxy.get(domain, open())), 'get succeeds');

/** What the proxy holds for the route is this route. */
export async function isHeld(subject: ProxyManagerSubject, route: Route, rule: string): Promise<void> {
  const held = await get(subject, route.domain);
  same([held?.domain, held?.mark], [route.domain, route.mark], `${rule}: domain and mark`);
  same(
    held?.targets.map(({ host, port }) => [host, port]),
    route.targets.map(({ host, port }) => [host, port]),
    `${rule}: where it points to`,
  );
  for (const [index, { instance }] of (held?.targets ?? []).entries()) {
    // A proxy that cannot tell says null; one that tells says the truth.
    if (instance !== null) same(instance, route.targets[index]?.instance, `${rule}: the instance`);
  }
}

export async function isServedBy(subject: ProxyManagerSubject, domain: string, instance: string, rule: string) {
  same(await subject.request(domain), { status: 200, instance }, rule);
}

/** Asks until the condition holds, 400 pauses at most. */
export async function arrives(subject: ProxyManagerSubject, condition: () => Promise<boolean>, rule: string) {
  for (let round = 0; round < 400; round += 1) {
    if (await condition()) return;
    await subject.pause();
  }
  holds(false, rule);
}

/** What a visitor is answered, again and again, while the work goes on. */
export async function answersDuring(subject: ProxyManagerSubject, domain: string, work: () => Promise<void>) {
  const answers: Awaited<ReturnType<ProxyManagerSubject['request']>>[] = [];
  let isOver = false;
  const visitor = (async () => {
    while (!isOver) {
      answers.push(await subject.request(domain));
      await subject.pause();
    }
  })();
  try {
    await work();
  } finally {
    isOver = true;
    await visitor;
  }
  return answers;
}
