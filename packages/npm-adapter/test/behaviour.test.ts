import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { behaves } from './suite/behaviour.js';
import { type ContractServer, startContractServer } from './support/contract-server.js';
import { fromContract, openWorld } from './support/world.js';

describe('nginxProxyManager', () => {
  let server: ContractServer;
  beforeAll(async () => {
    server = await startContractServer();
  });
  afterAll(async () => {
    await server.close();
    expect(server.violations, 'every answer of the contract server is as the schema says').toEqual([]);
  });
  behaves(it, () => openWorld(fromContract(server)));
});
