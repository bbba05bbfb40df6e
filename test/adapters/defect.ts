/** A deliberate defect of an adapter, the law that is about it, and how both are held against each other. */
import { assert, type Harness, keep, type Law } from '@quayside/core/testing';

/** What is wrong with an adapter that is right in everything else. */
export interface Defect<T> {
  /** What it does, in a sentence. */
  readonly name: string;
  /** The law whose subject this is: that another one breaks as well is chance. */
  readonly law: string;
  /** How it shows where no answer is wrong: something is thrown that should not be, or never ends. Default `answer`. */
  readonly how?: assert.LawBroken['how'];
  open(): Promise<Harness<T>>;
}

/** One port: its laws, right implementations of it, and defective ones. */
export interface Suite<T> {
  readonly port: string;
  readonly laws: readonly Law<T>[];
  readonly right: readonly { readonly name: string; open(): Promise<Harness<T>> }[];
  readonly defects: readonly Defect<T>[];
}

/** A suite as the runner sees it, whatever its port. */
export interface Trial {
  readonly name: string;
  /** @returns what is wrong; empty: it came out as it has to */
  run(limitMs: number): Promise<readonly string[]>;
}

/** What a right implementation may take: it has no reason to be late but a busy machine. */
const RIGHT_LIMIT_MS = 50_000;

/** Every right implementation keeps every law, and every defect breaks the one that is about it. */
export function trialsOf<T>({ port, laws, right, defects }: Suite<T>): {
  readonly controls: readonly Trial[];
  readonly defects: readonly Trial[];
} {
  return {
    controls: right.map(({ name, open }) => ({
      name: `${port}: ${name}`,
      run: async () =>
        [...(await brokenBy(laws, open, RIGHT_LIMIT_MS))].map(([law, { message }]) => `${law}: ${message}`),
    })),
    defects: defects.map((defect) => ({
      name: `${port}: ${defect.name}`,
      run: async (limitMs) => missed(defect, laws, await brokenBy(laws, defect.open, limitMs)),
    })),
  };
}

type Broken = ReadonlyMap<string, assert.LawBroken>;

async function brokenBy<T>(laws: readonly Law<T>[], open: () => Promise<Harness<T>>, limitMs: number): Promise<Broken> {
  const broken = new Map<string, assert.LawBroken>();
  const each = laws.map((law) =>
    keep(law, open, { limitMs }).catch((error: unknown) => {
      if (!(error instanceof assert.LawBroken)) throw error;
      broken.set(law.name, error);
    }),
  );
  await Promise.all(each);
  return broken;
}

function missed<T>(defect: Defect<T>, laws: readonly Law<T>[], broken: Broken): readonly string[] {
  const law = laws.find(({ name }) => name === defect.law);
  if (!law) return [`there is no law "${defect.law}"`];
  const failure = broken.get(law.name);
  if (!failure) return [`kept: "${law.name}"`, ...[...broken.keys()].map((name) => `broken by chance: "${name}"`)];
  const { how = 'answer' } = defect;
  const wrong: string[] = [];
  if (failure.how !== how) wrong.push(`broken by ${failure.how} instead of ${how}: ${failure.message}`);
  const { says = '', page = '' } = law.contract ?? {};
  for (const line of [`  rule: ${law.name}`, `  contract: ${says}`, `  read: ${page}`]) {
    if (!failure.message.split('\n').includes(line) || line.endsWith(': '))
      wrong.push(`"${line.trim()}" is not in the failure:\n${failure.message}`);
  }
  return wrong;
}
