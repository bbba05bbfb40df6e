/**
 * A plugin of every host of some worlds: its steps leave a mark outside of everything that the deployer sees, its hooks fail now and then.
 * Once the dust has settled a mark stands for a deployment that succeeded, and for no other.
 */

import { type DeploymentRecord, definePlugin, type Plugin } from './core.js';
import { type Dice, dice } from './dice.js';
import type { Life } from './life.js';

export interface Marks {
  /** `step deployment` */
  readonly made: Set<string>;
  /** Deployments of which a step or a hook before the commit threw or hung. */
  readonly refused: Set<string>;
  plugin(life: Life): Plugin;
}

const STEPS = ['early', 'late'] as const;
const HOOKED = ['claim', 'create', 'route', 'cutover', 'commit'] as const;

/** @param isCalm whether nothing goes wrong any more */
export function marking(seed: number, isCalm: () => boolean): Marks {
  const own: Dice = dice(seed ^ 0x5bd1e995);
  const made = new Set<string>();
  const refused = new Set<string>();
  const undone = new Set<string>();
  const has = (name: string, chance: number) => !isCalm() && own.has(name, chance);
  const misbehave = (name: string, thrown = 0.08, hanging = 0.03, id?: string): unknown => {
    const throws = has(`${name} throws`, thrown);
    const hangs = has(`${name} hangs`, hanging);
    if (id !== undefined && (throws || hangs)) refused.add(id);
    if (throws) throw new Error(`${name} throws`);
    return hangs ? new Promise(() => {}) : undefined;
  };
  const plugin = (life: Life) =>
    definePlugin({
      name: 'marking',
      version: '1.0.0',
      setup(host) {
        for (const name of STEPS)
          host.step({
            name,
            ...(name === 'early' ? { before: 'create' } : { after: 'health' }),
            timeout: 3_000,
            undoTimeout: 3_000,
            intent: ({ deploymentId }) => `${name} ${deploymentId}`,
            async run({ sleep, deploymentId }, mark) {
              // At once: how long a process has stood still by the time that it goes on nobody knows.
              if (life.isDead) return;
              made.add(mark);
              await sleep(own.whole(`${mark} takes`, 0, 400));
              await misbehave(mark, 0.08, 0.03, deploymentId);
            },
            async undo(_context, mark) {
              if (life.isDead) return;
              if (!undone.has(mark)) {
                undone.add(mark);
                await misbehave(`undo of ${mark}`, 0.2, 0.05);
              }
              made.delete(mark);
            },
          });
        for (const step of HOOKED)
          host.before(
            step,
            ({ deploymentId }) => misbehave(`before ${step} ${deploymentId}`, 0.02, 0.01, deploymentId),
            {
              timeout: 2_000,
            },
          );
        host.after('commit', ({ deploymentId, log }) => {
          log.info('It is committed.');
          return misbehave(`after commit ${deploymentId}`);
        });
      },
    });
  return { made, refused, plugin };
}

/** What the marks say otherwise than the history. */
export function wrongMarks({ made, refused }: Marks, deployments: readonly DeploymentRecord[]): string[] {
  return deployments.flatMap(({ id, status, steps }) => [
    ...(status === 'succeeded' && refused.has(id)
      ? [`deployment ${id} succeeded, although its plugin refused it`]
      : []),
    ...STEPS.filter((name) => status !== 'succeeded' && made.has(`${name} ${id}`)).map(
      (name) => `deployment ${id} is ${status}, and its mark "${name}" is there`,
    ),
    ...STEPS.filter(
      (name) =>
        status === 'succeeded' && steps.some((step) => step.name === `marking/${name}`) && !made.has(`${name} ${id}`),
    ).map((name) => `deployment ${id} succeeded, and its mark "${name}" is gone`),
  ]);
}
