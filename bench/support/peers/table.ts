/** The comparison on a terminal. */
import { type Comparison, type Summary, summaryOf } from './summary.js';

const COLUMNS: readonly (readonly [heading: string, cell: (summary: Summary) => string])[] = [
  ['first answer', ({ firstAnswerMs }) => `${firstAnswerMs.toFixed(0)} ms`],
  ['done', ({ doneMs }) => `${(doneMs / 1000).toFixed(1)} s`],
  ['both', ({ mixedMs }) => `${(mixedMs / 1000).toFixed(2)} s`],
  ['requests', ({ requests }) => `${requests}`],
  ['failed', ({ failed }) => `${failed}`],
  ['wrong', ({ wrong }) => `${wrong}`],
  ['p99 steady', ({ steadyP99Ms }) => `${steadyP99Ms.toFixed(1)} ms`],
  ['cutover', ({ cutoverP99Ms }) => `${cutoverP99Ms.toFixed(1)} ms`],
  ['ratio', ({ p99Ratio }) => `${p99Ratio.toFixed(1)}x`],
  ['cpu tool', ({ toolSeconds }) => `${toolSeconds.toFixed(2)} s`],
  ['cpu all', ({ allSeconds }) => (allSeconds === undefined ? '?' : `${allSeconds.toFixed(2)} s`)],
];

/** One line for each peer; who was not run says why. */
export function tableOf({ peers, notRun }: Comparison): string {
  const rows = [
    ['', ...COLUMNS.map(([heading]) => heading)],
    ...peers.map((peer) => {
      const summary = summaryOf(peer);
      return [peer.name, ...COLUMNS.map(([, cell]) => cell(summary))];
    }),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  const nameWidth = Math.max(widths[0] ?? 0, ...notRun.map(({ name }) => name.length));
  return [
    ...lines,
    ...notRun.map(
      ({ name, why }) => `${name.padEnd(nameWidth)}  not run: ${why}. Every number that needs it is missing.`,
    ),
  ].join('\n');
}
