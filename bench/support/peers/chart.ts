/** The comparison as a picture: bars for each peer, readable on a light and on a dark page, in text that is kept as text. */
import { type Comparison, type Summary, summaryOf } from './summary.js';

const WIDTH = 760;
const LEFT = 230;
const BAR = 340;
const ROW = 24;
const HEADING = 44;

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-weight: 600 }
    .soft { fill: #59636e }
    .ours { fill: #0969da }
    .other { fill: #8c959f }
    .mark { stroke: #1f2328; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .soft { fill: #9198a1 }
      .ours { fill: #4493f8 }
      .other { fill: #656c76 }
      .mark { stroke: #e6edf3 }
    }
  `;

interface Part {
  readonly title: string;
  value(summary: Summary): number;
  text(summary: Summary): string;
  /** A stroke across the bar, on the same scale. */
  mark?(summary: Summary): number;
}

const PARTS: readonly Part[] = [
  {
    title: 'From the command to the first answer of the new version (median)',
    value: ({ firstAnswerMs }) => firstAnswerMs,
    text: ({ firstAnswerMs }) => `${(firstAnswerMs / 1000).toFixed(2)} s`,
  },
  {
    title: 'Failed requests and wrong answers (all rounds)',
    value: ({ failed, wrong }) => failed + wrong,
    text: ({ failed, wrong, requests }) => `${failed + wrong} of ${requests}`,
  },
  {
    title: 'p99 in the second of the cutover; the stroke is the steady p99 (median)',
    value: ({ cutoverP99Ms }) => cutoverP99Ms,
    text: ({ cutoverP99Ms, steadyP99Ms }) => `${cutoverP99Ms.toFixed(1)} ms, steady ${steadyP99Ms.toFixed(1)} ms`,
    mark: ({ steadyP99Ms }) => steadyP99Ms,
  },
];

export function chartOf(comparison: Comparison): string {
  const rows = [
    ...comparison.peers.map((peer) => ({ name: peer.name, isOurs: peer.isOurs, summary: summaryOf(peer) })),
    ...comparison.notRun.map(({ name }) => ({ name, isOurs: false, summary: undefined })),
  ];
  const partHeight = HEADING + rows.length * ROW;
  const parts = PARTS.map(({ title, value, text, mark }, index) => {
    const top = index * partHeight;
    const most = Math.max(
      ...rows.flatMap(({ summary }) => (summary ? [value(summary), mark?.(summary) ?? 0] : [])),
      Number.MIN_VALUE,
    );
    const scaled = (number: number) => ((Math.max(0, number) / most) * BAR).toFixed(1);
    const bars = rows.map(({ name, isOurs, summary }, row) => {
      const y = top + HEADING + row * ROW;
      const label = `<text x="${LEFT - 10}" y="${y + 13}" text-anchor="end">${escaped(name)}</text>`;
      if (!summary) return `${label}<text class="soft" x="${LEFT}" y="${y + 13}">not run</text>`;
      const width = scaled(value(summary));
      const at = (LEFT + Number(scaled(mark?.(summary) ?? 0))).toFixed(1);
      const stroke = mark ? `<line class="mark" x1="${at}" x2="${at}" y1="${y - 2}" y2="${y + 18}"/>` : '';
      const end = Math.max(LEFT + Number(width), mark ? Number(at) : 0);
      return [
        label,
        `<rect class="${isOurs ? 'ours' : 'other'}" x="${LEFT}" y="${y}" width="${width}" height="16" rx="2"/>`,
        stroke,
        `<text class="soft" x="${(end + 8).toFixed(1)}" y="${y + 13}">${escaped(text(summary))}</text>`,
      ].join('');
    });
    return [`<text class="title" x="10" y="${top + 28}">${escaped(title)}</text>`, ...bars].join('\n  ');
  });
  const height = PARTS.length * partHeight + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Ways to deploy, side by side">
  <style>${STYLE}</style>
  ${parts.join('\n  ')}
</svg>
`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (each) => ENTITIES[each] ?? each);
