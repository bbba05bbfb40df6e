/** Tables: aligned, and on a terminal as narrow as it is. What matters least goes first. */
import { fit, padEnd, widthOf } from './width.js';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** The larger, the earlier it is left out where there is no room; 0: never. */
  readonly spare?: number;
  /** May be cut; the others are not. */
  readonly isElastic?: boolean;
}

const GAP = '  ';
const ELASTIC_MIN = 8;

/**
 * @param columns of the terminal; undefined: no limit
 * @param title how a column's title is written
 */
export function table<Row>(
  rows: readonly Row[],
  all: readonly Column<Row>[],
  columns: number | undefined,
  title: (text: string) => string = (text) => text,
): string[] {
  let shown = all;
  let cells = cellsOf(rows, shown);
  let widths = widthsOf(cells);
  const total = () => widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
  const least = () =>
    widths.reduce(
      (sum, width, index) => sum + (shown[index]?.isElastic ? Math.min(width, ELASTIC_MIN) : width) + GAP.length,
      -GAP.length,
    );
  while (columns !== undefined && least() > columns) {
    const spare = Math.max(...shown.map((column) => column.spare ?? 0));
    if (spare === 0) break;
    shown = shown.filter((column) => (column.spare ?? 0) !== spare);
    cells = cellsOf(rows, shown);
    widths = widthsOf(cells);
  }
  for (let index = shown.length - 1; index >= 0 && columns !== undefined && total() > columns; index -= 1) {
    if (!shown[index]?.isElastic) continue;
    const excess = total() - columns;
    widths = widths.map((width, at) => (at === index ? Math.max(Math.min(width, ELASTIC_MIN), width - excess) : width));
  }
  return cells.map((row, at) => {
    const texts = row.map((text, index) => padEnd(fit(text, widths[index] ?? 0), widths[index] ?? 0));
    const line = texts.join(GAP).trimEnd();
    const whole = columns === undefined ? line : fit(line, columns);
    return at === 0 ? title(whole) : whole;
  });
}

const cellsOf = <Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[][] => [
  columns.map((column) => column.title),
  ...rows.map((row) => columns.map((column) => column.cell(row))),
];

const widthsOf = (cells: readonly (readonly string[])[]): number[] =>
  (cells[0] ?? []).map((_, index) => Math.max(...cells.map((row) => widthOf(row[index] ?? ''))));
