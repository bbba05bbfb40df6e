import type { ApprovalGate } from '@quayside/plugins';
import type { Session } from '../session.js';

/** The configured plugins that take answers: known by what they do, as another copy of the package may have made them. */
export function gatesOf({ options }: Pick<Session, 'options'>): readonly ApprovalGate[] {
  return (options.plugins ?? []).flatMap((given) => {
    const plugin: object | undefined = 'isOk' in given ? (given.isOk() ? given.value : undefined) : given;
    return plugin !== undefined && isGate(plugin) ? [plugin] : [];
  });
}

const isGate = (plugin: object): plugin is ApprovalGate =>
  (['approve', 'deny', 'pending'] as const).every((name) => typeof Reflect.get(plugin, name) === 'function');
