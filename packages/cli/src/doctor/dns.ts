import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { untilAborted } from '@quayside/core/ports';
import type { Check } from './checks.js';
import { type Finding, good, skipped, warning } from './finding.js';

/**
 * Whether visitors find the proxy. Every tag has a domain of its own, so the generated ones need a wildcard record: a name that nobody can
 * have thought of is asked for. Where the addresses belong to is said, and not judged: the proxy may stand elsewhere, or behind another one.
 */
export const checkDns: Check = async ({ options }, signal) => {
  const domain = options.settings?.domain;
  const projects = typeof options.projects === 'function' ? {} : options.projects;
  const custom = Object.values(projects)
    .flatMap(({ stages }) => Object.values(stages))
    .flatMap((stage) => ('domains' in stage && stage.domains ? stage.domains : []))
    .filter((each) => !/[{*]/.test(each));
  const found: Promise<Finding>[] = [];
  if (domain !== undefined) {
    const probe = `quayside-${randomBytes(4).toString('hex')}.${domain}`;
    const hint = `Make a wildcard record: *.${domain} to the address of the proxy.`;
    found.push(ofDomain(probe, `*.${domain}`, hint, signal));
  }
  for (const each of new Set(custom))
    found.push(ofDomain(each, each, `Let ${each} point to the address of the proxy.`, signal));
  return found.length > 0 ? Promise.all(found) : [skipped('dns', 'no domain is configured')];
};

async function ofDomain(name: string, shown: string, hint: string, signal: AbortSignal): Promise<Finding> {
  const late = new Error('no answer in time');
  // The system's resolver takes no signal: one that hangs is left behind.
  const asked = lookup(name, { all: true }).catch((thrown: NodeJS.ErrnoException) => thrown);
  const answer = await untilAborted<Awaited<typeof asked>>(asked, signal, () => late);
  if (answer instanceof Error) {
    const { code = answer.message } = answer as NodeJS.ErrnoException;
    return warning('dns', `${shown} leads nowhere (${code})`, hint);
  }
  const own = new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)));
  const addresses = answer.map(({ address }) => address);
  const isHere = addresses.some((address) => own.has(address));
  return good('dns', `${shown} leads to ${addresses.join(', ')}${isHere ? ', this machine' : ''}`);
}
