/** The comparison for who reads it later: every round, what it was made with and on. */
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Outcome } from './outcome.js';
import type { NotRun } from './peer.js';
import { type Comparison, type Summary, summaryOf } from './summary.js';

export interface Settings {
  readonly rounds: number;
  readonly perSecond: number;
  readonly steadyMs: number;
  readonly healthIntervalS: number;
}

export interface Report {
  /** `2026-11-27`. */
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: Settings;
  readonly peers: readonly {
    readonly name: string;
    readonly versions: Readonly<Record<string, string>>;
    readonly summary: Summary;
    readonly rounds: readonly Outcome[];
  }[];
  readonly notRun: readonly NotRun[];
  readonly line: string;
}

/** Milliseconds and seconds as they were measured, to the hundredth. */
export function reportOf({ peers, notRun }: Comparison, settings: Settings, line: string): Report {
  const report = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    settings,
    peers: peers.map((peer) => ({
      name: peer.name,
      versions: peer.versions,
      summary: summaryOf(peer),
      rounds: peer.rounds,
    })),
    notRun: notRun.map((each) => ({ ...each, why: withoutPaths(each.why) })),
    line,
  };
  return JSON.parse(JSON.stringify(report, (_, value) => (typeof value === 'number' ? round(value) : value))) as Report;
}

/** Where things lie on this machine is nobody's business. */
const withoutPaths = (text: string): string => text.replace(/(?<![\w:/.])\/[^\s'"`)]+/g, '…');

const round = (value: number): number => Math.round(value * 100) / 100;

function machine(): Readonly<Record<string, string | number>> {
  const file = '/etc/os-release';
  const [, system = process.platform] =
    /^PRETTY_NAME="?(.*?)"?$/m.exec(existsSync(file) ? readFileSync(file, 'utf8') : '') ?? [];
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: totalmem() / 1024 ** 3,
    system,
    kernel: release(),
    node: process.versions.node,
  };
}
