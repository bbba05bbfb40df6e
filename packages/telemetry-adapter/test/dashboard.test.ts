/** The dashboard draws metrics that there are, by labels that they have, and all of them; the page explains each. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { propertiesOf } from '../../../test/docs/compile.js';
import { rowsOf, section } from '../../../test/docs/pages.js';
import { COUNTERS, GAUGES, HISTOGRAMS } from '../src/catalogue.js';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const PREFIX = 'quayside_';

/** Every series that is exposed, with its labels. */
const series = new Map<string, readonly string[]>([
  ...Object.entries({ ...COUNTERS, ...GAUGES }).map(([name, [, labels]]) => [`${PREFIX}${name}`, labels] as const),
  ...Object.entries(HISTOGRAMS).flatMap(([name, [, labels]]) => [
    [`${PREFIX}${name}_bucket`, [...labels, 'le']] as const,
    [`${PREFIX}${name}_sum`, labels] as const,
    [`${PREFIX}${name}_count`, labels] as const,
  ]),
]);

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
const dashboard = JSON.parse(read('docs/telemetry/grafana-dashboard.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};
const targets = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));

describe('the dashboard', () => {
  it.each([
    ...targets.map(({ title, expr }) => [title, expr] as const),
    ...dashboard.templating.list.flatMap(({ name, definition }) => (definition ? [[name, definition] as const] : [])),
  ])('%s asks for what there is: %s', (_, expr) => {
    const asked = [...expr.matchAll(/\b(quayside_[a-z_]+)(?:\{([^}]*)\})?/g)];
    expect(asked.length).toBeGreaterThan(0);
    for (const [, name = '', matchers = ''] of asked) {
      const labels = series.get(name);
      expect(labels, name).toBeDefined();
      for (const [, label] of matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)) expect(labels, name).toContain(label);
      for (const [, by = ''] of expr.matchAll(/by \(([^)]*)\)/g))
        for (const label of by.split(', ')) expect(labels, name).toContain(label);
    }
    for (const [open, close] of ['()', '{}', '[]'] as const)
      expect(expr.split(open as string)).toHaveLength(expr.split(close as string).length);
  });

  it.each(targets.map(({ title, expr, legendFormat }) => [title, legendFormat, expr] as const))(
    '%s has a legend of labels that are left: %s',
    (_, legend, expr) => {
      const [, by = ''] = /by \(([^)]*)\)/.exec(expr) ?? [];
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(by.split(', ')).toContain(label);
    },
  );

  it('draws every metric, and no panel over another', () => {
    const drawn = targets.map(({ expr }) => expr).join('\n');
    const missing = [
      ...Object.keys({ ...COUNTERS, ...GAUGES }),
      ...Object.keys(HISTOGRAMS).map((name) => `${name}_bucket`),
    ]
      .map((name) => `${PREFIX}${name}`)
      .filter((name) => !drawn.includes(name));
    expect(missing).toEqual([]);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});

describe('docs/telemetry.md', () => {
  it('names every option, and no other', () => {
    const options = [...rowsOf(read('docs/telemetry.md').split('## Metrics')[0] ?? '').keys()];
    expect(options.sort()).toEqual([...propertiesOf('@quayside/telemetry-adapter', 'TelemetryOptions')].sort());
  });

  it.each([
    ['### Of this process', { ...COUNTERS, ...HISTOGRAMS }],
    ['### Of the store', GAUGES],
  ])('names every metric below "%s" with its labels, and no other', (heading, catalogue) => {
    const rows = rowsOf(section(read('docs/telemetry.md'), heading));
    const told = Object.fromEntries(
      [...rows].map(([name, cell]) => [name, [...cell.matchAll(/`([a-z]+)`/g)].map(([, label]) => label)]),
    );
    const meant = Object.entries<readonly [string, readonly string[]]>(catalogue).map(([name, [, labels]]) => [
      PREFIX + name,
      labels,
    ]);
    expect(told).toEqual(Object.fromEntries(meant));
  });
});
