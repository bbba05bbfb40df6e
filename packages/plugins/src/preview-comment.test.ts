import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Deployer, unwrap } from '@quayside/core';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { previewComment } from './preview-comment.js';
import { type Bed, bed } from './testbed.js';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: { readonly id: string; readonly type: string; readonly data: Readonly<Record<string, unknown>> };
}

let server: Server;
let received: Received[];
let status: number;
beforeEach(async () => {
  received = [];
  status = 204;
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    received.push({ headers: request.headers, text, body: JSON.parse(text) });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/comment`;

/** The virtual clock waits for nobody: what goes over a real socket is let through in between. */
async function settle(of: Bed, until: () => boolean): Promise<void> {
  for (let turn = 0; turn < 400 && !until(); turn += 1) {
    await of.world.clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(until()).toBe(true);
}

const STAGES = { dev: { port: 3000 }, 'pr-*': { port: 3000, maxInstances: 1 } };
const deploy = async (of: Bed, deployer: Deployer, stage: string, tag: string) =>
  unwrap(await of.world.clock.until(deployer.deploy({ project: 'shop', stage, tag })));
const types = () => received.map(({ body }) => `${body.type} ${body.data['tag']}`);

describe('a preview comment', () => {
  it('tells where a preview is, again when it changes, and when it is gone; signed, under one key', async () => {
    const of = bed({}, STAGES);
    const deployer = await of.deployer([previewComment({ url: url(), secret: SECRET, linkScheme: 'http' })]);
    await of.world.clock.advance(1_000);
    await deploy(of, deployer, 'dev', 'v1');
    await deploy(of, deployer, 'pr-7', 'v1');
    await settle(of, () => received.length === 1);
    await deploy(of, deployer, 'pr-7', 'v2');
    await settle(of, () => received.length === 2);
    // The first instance goes now, and the preview stays.
    await of.world.clock.advance(60_000);
    await of.world.clock.until(unwrap(deployer.remove({ project: 'shop', stage: 'pr-7' })));
    await settle(of, () => received.length === 3);
    expect(types()).toEqual(['preview.live v1', 'preview.live v2', 'preview.gone v2']);
    const [first, , last] = received;
    expect(first?.body.data).toMatchObject({
      key: 'shop/pr-7',
      state: 'live',
      urls: expect.arrayContaining(['http://stage-pr-7-shop.apps.test', 'http://stage-pr-7-shop-v1.apps.test']),
    });
    expect(last?.body.data).toMatchObject({ key: 'shop/pr-7', state: 'gone', urls: [], reason: 'removed' });
    for (const { text, headers } of received)
      expect(() => new Webhook(SECRET).verify(text, headers as Record<string, string>)).not.toThrow();
    await of.world.clock.until(deployer.close());
  });

  it('is told again where the receiver was away, under the same id, and not once it was told', async () => {
    const of = bed({}, STAGES);
    const deployer = await of.deployer([previewComment({ url: url() })]);
    await of.world.clock.advance(1_000);
    status = 503;
    await deploy(of, deployer, 'pr-7', 'v1');
    await settle(of, () => received.length >= 1);
    status = 204;
    await settle(
      of,
      () => received.length >= 2 && received.at(-1)?.headers['webhook-id'] === received[0]?.headers['webhook-id'],
    );
    const told = received.length;
    await of.world.clock.advance(600_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(received.length).toBe(told);
    await of.world.clock.until(deployer.close());
  });

  it('does not bring back what is gone: a message that comes late is dropped', async () => {
    const of = bed({}, STAGES);
    let notify: ((message: never, options: { signal: AbortSignal }) => PromiseLike<unknown>) | undefined;
    const deployer = await of.deployer([
      previewComment({ url: url() }).map((plugin) => ({
        ...plugin,
        setup: (host) =>
          plugin.setup({
            ...host,
            notifier: (each) => {
              notify = each.notify as never;
              host.notifier(each);
            },
          }),
      })),
    ]);
    const { signal } = new AbortController();
    const message = (type: string, sequence: number, id: string) =>
      ({
        id: `m${sequence}`,
        type,
        time: 0,
        sequence,
        data: { instance: { id, project: 'shop', stage: 'pr-9', tag: 'v1', domains: ['a.b'] }, reason: 'expired' },
      }) as never;
    for (const [type, sequence, id] of [
      ['deployment.succeeded', 10, 'i1'],
      ['deployment.succeeded', 10, 'i1'],
      ['deployment.succeeded', 20, 'i2'],
      ['instance.retired', 21, 'i1'],
      ['instance.retired', 22, 'i2'],
      ['deployment.succeeded', 15, 'i1'],
    ] as const)
      await notify?.(message(type, sequence, id), { signal });
    expect(received.map(({ body }) => [body.type, body.data['instance']])).toEqual([
      ['preview.live', 'i1'],
      ['preview.live', 'i2'],
      ['preview.gone', 'i2'],
    ]);
    await of.world.clock.until(deployer.close());
  });

  it.each([
    ['a URL that is none', { url: 'ftp://x' }, 'previewComment.url'],
    ['a secret that is none', { url: 'https://x.test', secret: 'short' }, 'previewComment.secret'],
    ['no stages', { url: 'https://x.test', stages: [] }, 'previewComment.stages'],
  ])('is refused with %s, which is not shown', (_what, options, path) => {
    const { issues } = previewComment(options)._unsafeUnwrapErr();
    expect(issues.map((issue) => issue.path)).toEqual([path]);
    expect(JSON.stringify(issues)).not.toContain('short');
  });
});
