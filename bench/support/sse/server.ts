/**
 * The host that is followed: the handler on a real HTTP server over a store in a file, and nothing else in the process, so that its
 * memory is the handler's. It says where it listens, and then how much memory it has.
 *
 *   node server.ts FILE
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { apiHandler } from '../../../packages/api-adapter/src/index.js';
import { createDeployer, unwrap } from '../../../packages/core/src/index.js';
import { memoryWorld } from '../../../packages/core/src/testing/index.js';
import { sqliteStore } from '../../../packages/sql-adapter/src/index.js';

const SAMPLE_MS = 200;

const [, , path = ''] = process.argv;
const { runtime, probe } = memoryWorld();
const deployer = await unwrap(
  createDeployer({ runtime, probe, store: sqliteStore({ path }), projects: {}, recover: 'manual' }),
);
const api = unwrap(
  apiHandler({
    deployer,
    authorize: (request) => (request.headers.get('authorization') === 'Bearer bench' ? { by: 'bench' } : null),
    // Bytes alone are compared: no comment in between, however long a busy machine lets a follower wait.
    heartbeat: '1h',
    stallTimeout: '1h',
    reauthorize: '1h',
  }),
);
const server = createServer(getRequestListener(api.fetch));
server.listen(0, '127.0.0.1', 4_096, () => process.send?.({ port: (server.address() as AddressInfo).port }));
setInterval(() => process.send?.({ rss: process.memoryUsage.rss() }), SAMPLE_MS);
