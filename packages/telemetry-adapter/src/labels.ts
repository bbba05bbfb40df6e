/** Each pair of project and stage is a series of its own in every metric that has both: there may not be any number of them. */
export interface Labels {
  of(about: { readonly project: string; readonly stage: string }): { readonly project: string; readonly stage: string };
  /** A step of ours or of a plugin. */
  step(name: string): string;
}

const OTHER = 'other';
const STEPS_MAX = 100;

/** Previews come and go without an end: they are one. */
export const stageLabelOf = (stage: string): string => stage.replace(/^(pr|mr|preview|review)([-_.]).*$/s, '$1$2*');

export function labels(max: number, stageLabel: (stage: string, project: string) => string = stageLabelOf): Labels {
  const pairs = new Set<string>();
  const steps = new Set<string>();
  const isKnown = (known: Set<string>, key: string, most: number) => {
    if (known.size < most) known.add(key);
    return known.has(key);
  };
  return {
    of({ project, stage: name }) {
      const stage = String(stageLabel(name, project));
      return isKnown(pairs, JSON.stringify([project, stage]), max)
        ? { project, stage }
        : { project: OTHER, stage: OTHER };
    },
    step: (name) => (isKnown(steps, name, STEPS_MAX) ? name : OTHER),
  };
}
