/**
 * Reads the text format of Prometheus, and nothing that is not exactly that. Source: Prometheus' documentation, "Exposition formats",
 * and its conventions for names.
 */
export interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const ENDINGS = { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] } as const;

export function readExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has to end');
  const families = new Map<string, { type: Family['type']; help: string; samples: Sample[] }>();
  let current: { name: string; help?: string; family?: { type: Family['type']; help: string; samples: Sample[] } } = {
    name: '',
  };
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, help, about] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
    if (help !== undefined) {
      if (families.has(help)) throw new Error(`${help} is described twice`);
      current = { name: help, help: about ?? '' };
      continue;
    }
    const [, typed, type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (typed !== undefined) {
      if (typed !== current.name || current.help === undefined) throw new Error(`${typed} has no help`);
      current.family = { type: type as Family['type'], help: current.help, samples: [] };
      families.set(typed, current.family);
      continue;
    }
    const sample = readSample(line);
    const { family } = current;
    if (!family) throw new Error(`no type before: ${line}`);
    const ending = sample.name.slice(current.name.length);
    if (!sample.name.startsWith(current.name) || !(ENDINGS[family.type] as readonly string[]).includes(ending))
      throw new Error(`${sample.name} stands below ${current.name}`);
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    family.samples.push(sample);
  }
  for (const [name, family] of families) {
    if (family.type === 'counter' && !name.endsWith('_total')) throw new Error(`${name} is a counter without _total`);
    if (family.type === 'histogram') checkHistogram(name, family.samples);
  }
  return families;
}

function readSample(line: string): Sample {
  const [, name = '', inner = '', number = ''] = SAMPLE.exec(line) ?? [];
  if (name === '') throw new Error(`not a sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < inner.length) {
    const match = LABEL.exec(inner);
    if (!match) throw new Error(`not labels: ${line}`);
    const [, label = '', value = ''] = match;
    if (label in labels) throw new Error(`a label twice: ${line}`);
    labels[label] = value.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character));
  }
  const value = number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number);
  if (number === '' || Number.isNaN(value)) throw new Error(`not a number: ${line}`);
  return { name, labels, value };
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...rest } = sample.labels;
    const key = JSON.stringify(Object.entries(rest).sort());
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, each] of series) {
    const buckets = each.filter(({ name: of }) => of.endsWith('_bucket'));
    const count = each.find(({ name: of }) => of.endsWith('_count'))?.value;
    let before = { le: Number.NEGATIVE_INFINITY, value: 0 };
    for (const { labels, value } of buckets) {
      const le = labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']);
      if (!(le > before.le) || value < before.value) throw new Error(`${name}${key}: buckets have to grow`);
      before = { le, value };
    }
    if (before.le !== Number.POSITIVE_INFINITY || before.value !== count)
      throw new Error(`${name}${key}: the last bucket has to be the count`);
  }
}
