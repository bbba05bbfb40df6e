/**
 * What HAProxy counts of each instance, and how it is told to. It keeps requests per server (`show stat`) only as long as the server is in
 * its backend, and no latencies at all; so a stick table has an entry for each instance, whatever backends it stands in, and every answer
 * increments one counter of its entry: that of the first bound which the time to the answer's head does not exceed.
 *
 * Rules that count can be evaluated for an instance's own answers alone. Those that HAProxy gives in its place are in the server's
 * statistics, and are carried over to a second table when the server leaves its backend.
 *
 * Source: HAProxy 2.6, configuration guide, "stick-table", "http-response track-sc0" and "http-response sc-inc-gpc". Counters have 32 bits.
 */

const MS_PER_US = 1000;
/** Of the counters one is for answers of status 500 and above; the others are the bounds, which are those that people choose limits from. */
const BOUNDS_MS: readonly number[] = [
  ...[
    1, 1.5, 2, 3, 5, 7, 10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 700,
    800,
  ],
  ...[1000, 1200, 1500, 2000, 3000, 4000, 5000, 7000, 10_000, 15_000, 20_000, 30_000, 60_000],
  Number.POSITIVE_INFINITY,
];
/** Instances whose counts are kept; with more the ones that answered longest ago are forgotten. About 300 bytes each. */
const INSTANCES_MAX = '10k';

export const countsTable = (name: string): string => `${name}-statistics`;
/** Of errors that were counted by servers which have left their backends. */
export const keptTable = (name: string): string => `${name}-kept-errors`;

/** The sections that hold the tables. */
export const tableSections = (name: string): string[][] => [
  [
    `backend ${countsTable(name)}`,
    `  stick-table type string len 63 size ${INSTANCES_MAX} store gpc(${BOUNDS_MS.length + 1})`,
  ],
  [`backend ${keptTable(name)}`, `  stick-table type string len 63 size ${INSTANCES_MAX} store gpc0`],
];

/**
 * Lines of the frontend: the last ones that are evaluated for an answer, since the first bound that fits ends them.
 * @param begun the variable with the time of the request's head, in microseconds
 * @param took a variable to use
 * @param condition of what counts
 */
export function countingLines(name: string, begun: string, took: string, condition: string): string[] {
  const bounds = BOUNDS_MS.slice(0, -1).flatMap((boundMs, index) => {
    const isWithin = `if { var(${took}) -m int le ${boundMs * MS_PER_US} }`;
    return [`  http-response sc-inc-gpc(${index + 1},0) ${isWithin}`, `  http-response allow ${isWithin}`];
  });
  return [
    `  http-response track-sc0 srv_name table ${countsTable(name)} ${condition}`,
    '  http-response sc-inc-gpc(0,0) if { status ge 500 }',
    `  http-response set-var(${took}) date(0,us),sub(${begun})`,
    ...bounds,
    `  http-response sc-inc-gpc(${BOUNDS_MS.length},0)`,
  ];
}

export interface Counted {
  readonly errors: number;
  readonly latencies: readonly { readonly upToMs: number; readonly count: number }[];
}

/** An entry as `show table` prints it: `… gpc0=1 gpc1=25 …`; without one everything is zero. */
export function countedIn(shown: string): Counted {
  const counters = countersIn(shown);
  return {
    errors: counters.get(0) ?? 0,
    latencies: BOUNDS_MS.map((upToMs, index) => ({ upToMs, count: counters.get(index + 1) ?? 0 })),
  };
}

export const keptIn = (shown: string): number => countersIn(shown).get(0) ?? 0;

const countersIn = (shown: string): ReadonlyMap<number, number> =>
  new Map([...shown.matchAll(/ gpc(\d+)=(\d+)/g)].map(([, index, count]) => [Number(index), Number(count)]));
