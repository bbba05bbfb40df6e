/**
 * A host that does one thing, and dies at an instant of it, or at none and lists those that it passed.
 *
 *   node victim.mjs FILE   (orders as JSON)
 */
import { readFileSync } from 'node:fs';
import { createDeployer, type Deployer, unwrap } from '../../packages/core/src/index.js';
import { Instants, say } from './instants.js';
import { hostOptions, type Place, PROJECT } from './ports.js';
import type { Action } from './scenarios.js';
import { untilNothingIsLeft } from './tasks.js';

export interface Orders {
  readonly place: Place;
  readonly stage: string;
  readonly action: Action;
  /** It dies at the first of these; empty: it lives. */
  readonly dieAt: readonly string[];
}

const { place, stage, action, dieAt } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Orders;
const instants = new Instants(dieAt);
const deployer = await unwrap(createDeployer(hostOptions(place, instants)));
const how = await act(deployer);
// Its tasks too: what the commit has left to do is done before it closes.
await deployer.close();
say({ said: 'passed', instants: instants.passed });
say({ said: 'ended', how });

async function act(host: Deployer): Promise<string> {
  const target = { project: PROJECT, stage };
  if (action.do === 'remove') {
    const removed = await host.remove(target);
    return removed.isOk() ? 'removed' : removed.error.message;
  }
  if (action.do === 'recover') return recovered(host);
  const handle =
    action.do === 'rollBack'
      ? await host.submitRollBack(target)
      : await host.submit({ ...target, tag: action.tag, force: action.force ?? false });
  if (handle.isErr()) return handle.error.message;
  say({ said: 'accepted', id: handle.value.id });
  const result = await handle.value.result;
  return result.isOk() ? result.value.status : `${result.error.kind}: ${result.error.message}`;
}

async function recovered(host: Deployer): Promise<string> {
  const report = await host.recover();
  await untilNothingIsLeft(place);
  return report.isOk() ? 'recovered' : report.error.message;
}
