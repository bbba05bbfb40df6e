/** What a fresh package owes its author. */
import type { Port } from '../../packages/create-quayside-adapter/src/index.js';
import type { Fresh } from './workshop.js';

/** @returns what is wrong; empty: it builds, typechecks, and its laws say what to implement next */
export async function problemsOf(fresh: Fresh, { suffix, guide }: Port): Promise<readonly string[]> {
  const problems: string[] = [];
  const said = await fresh.typecheck();
  if (said !== '') problems.push(`it does not typecheck:\n${said}`);
  const { esm, cjs } = await fresh.build();
  for (const [kind, names] of Object.entries({ esm, cjs }))
    if (names.join() !== `kongGateway${suffix}`)
      problems.push(`its ${kind} build exports ${names.join(', ') || 'nothing'}`);
  const laws = await fresh.test();
  const broken = laws.filter(({ failure }) => failure !== undefined);
  if (broken.length === 0) problems.push(`of ${laws.length} laws none is broken, although nothing is implemented`);
  for (const { name, failure = '' } of broken)
    for (const part of ['not implemented: next implement `', `rule: ${name}`, 'contract: ', `read: ${guide}#`])
      if (!failure.includes(part)) problems.push(`"${part}" is not in the failure of the law "${name}":\n${failure}`);
  return problems;
}
