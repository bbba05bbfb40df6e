import { conforms, proxyManagerLaws } from '@quayside/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ContractServer, startContractServer } from './support/contract-server.js';
import { fromContract, openWorld } from './support/world.js';

describe('nginxProxyManager keeps the laws of ProxyManager', () => {
  let server: ContractServer;
  beforeAll(async () => {
    server = await startContractServer();
  });
  afterAll(async () => {
    await server.close();
    expect(server.violations, 'every answer of the contract server is as the schema says').toEqual([]);
  });
  conforms(it, proxyManagerLaws, () => openWorld(fromContract(server)));
});
