/** The contract server until its input ends: `node contract-server-process.mjs`. Its exit code is 1 where it broke the contract. */
import { startContractServer } from '../../packages/npm-adapter/test/support/contract-server.js';
import type { Told } from './contract-server.js';

const server = await startContractServer();
const { url, admin, frontDoor } = server;
process.stdin.resume();
process.stdin.once('end', async () => {
  await server.close();
  for (const violation of server.violations) console.error(violation);
  process.exitCode = server.violations.length === 0 ? 0 : 1;
});
console.log(JSON.stringify({ url, admin, frontDoor } satisfies Told));
