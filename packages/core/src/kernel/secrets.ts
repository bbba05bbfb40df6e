/**
 * What a host knows that nobody else may see: what its ports were given, and the values of the environment that it came to know. Every
 * text that leaves the deployer is redacted by the first, and by those values that were marked as secret or asked for at deploy
 * time; what belongs to one deployment, by the rest of its values as well.
 */
import type { KeepsSecrets } from '../ports/secrets.js';
import { type Redactor, redactor } from './redactor.js';
import { formsOf } from './secret-forms.js';

/** Values that are remembered for the whole process; the oldest go. */
const MARKED_MAX = 10_000;
/** Deployments whose values are remembered, for what is told of them later. */
const DEPLOYMENTS_MAX = 1_000;
const FORMS_MAX = 20_000;

export class Secrets {
  readonly #ports: readonly KeepsSecrets[];
  readonly #marked = new Set<string>();
  readonly #deployments = new Map<string, Remembered>();
  readonly #forms = new Map<string, readonly string[]>();
  #wide: readonly string[] | undefined;

  constructor(ports: readonly (KeepsSecrets | null | undefined)[]) {
    this.#ports = ports.flatMap((port) => port ?? []);
  }

  /** From now on these are redacted everywhere. */
  mark(values: Iterable<string>): void {
    for (const value of values) keepNewest(this.#marked, value, MARKED_MAX);
  }

  /** The values that a deployment's container was given. */
  remember(deployment: string, values: readonly string[], openly: readonly string[]): void {
    this.#deployments.delete(deployment);
    this.#deployments.set(deployment, { values, openly });
    this.#wide = undefined;
    dropOldest(this.#deployments, DEPLOYMENTS_MAX);
  }

  of(deployment: string): readonly string[] | undefined {
    return this.#deployments.get(deployment)?.values;
  }

  /**
   * It knows what the ports know at the moment of asking: a token that one comes by later counts as well.
   * @param more what is secret here beside what is so everywhere
   */
  redactor(more: readonly string[] = [], openly: readonly string[] = []): Redactor {
    let made: { readonly of: readonly string[]; readonly redactor: Redactor } | undefined;
    const current = (): Redactor => {
      const everywhere = [...this.#ports.flatMap(secretsOf), ...this.#marked];
      if (!made || !areEqual(made.of, everywhere))
        made = { of: everywhere, redactor: redactor([...everywhere, ...more], openly, this.#formsFor) };
      return made.redactor;
    };
    return { text: (text) => current().text(text), json: (value) => current().json(value) };
  }

  /**
   * For what is told of no deployment in particular (a report, a call that failed): whatever any of them has as well. Of their values those
   * are meant that nobody uses as a word, and no name of theirs: else a report would be blackened by `SERVICE=shop` and `MODE=production`.
   */
  wideRedactor(): Redactor {
    this.#wide ??= this.#wideValues();
    return this.redactor(this.#wide);
  }

  #wideValues(): readonly string[] {
    const all = [...this.#deployments.values()];
    const open = new Set(all.flatMap(({ openly }) => openly));
    return [...new Set(all.flatMap(({ values }) => values))].filter((value) => isNoWord(value) && !open.has(value));
  }

  #formsFor = (secret: string): readonly string[] => {
    const known = this.#forms.get(secret);
    if (known) return known;
    const forms = formsOf(secret);
    this.#forms.set(secret, forms);
    dropOldest(this.#forms, FORMS_MAX);
    return forms;
  };
}

interface Remembered {
  readonly values: readonly string[];
  /** The names of its project, stage and tag. */
  readonly openly: readonly string[];
}

const WORD_LENGTH_MAX = 8;
const isNoWord = (value: string): boolean =>
  value.length > WORD_LENGTH_MAX && !/^[A-Za-z]+$/.test(value) && !/^\d+$/.test(value);

/** A port of somebody else's may throw here: that must not be what a deployment fails of, let alone what its error says. */
function secretsOf(port: KeepsSecrets): string[] {
  try {
    return [...(port.secrets?.() ?? [])].filter((each) => typeof each === 'string');
  } catch {
    return [];
  }
}

const areEqual = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each, index) => each === b[index]);

function keepNewest(set: Set<string>, value: string, max: number): void {
  set.delete(value);
  set.add(value);
  for (const oldest of set) {
    if (set.size <= max) return;
    set.delete(oldest);
  }
}

function dropOldest(map: Map<string, unknown>, max: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= max) return;
    map.delete(oldest);
  }
}
