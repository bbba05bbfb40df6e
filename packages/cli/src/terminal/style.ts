/** Colours and signs, as far as the reader can see them. */
import pc from 'picocolors';

export type Style = ReturnType<typeof pc.createColors>;

export interface Look {
  readonly style: Style;
  readonly signs: Signs;
}

export interface Signs {
  readonly done: string;
  readonly failed: string;
  readonly undone: string;
  readonly note: string;
  readonly dot: string;
  readonly gutter: string;
  readonly ellipsis: string;
  readonly filled: string;
  readonly empty: string;
  readonly spinner: readonly string[];
}

const UNICODE: Signs = {
  done: '✔',
  failed: '✖',
  undone: '↩',
  note: '!',
  dot: '·',
  gutter: '│',
  ellipsis: '…',
  filled: '█',
  empty: '░',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
};

const ASCII: Signs = {
  done: 'ok',
  failed: 'x',
  undone: '<-',
  note: '!',
  dot: '-',
  gutter: '|',
  ellipsis: '...',
  filled: '#',
  empty: '.',
  spinner: ['-', '\\', '|', '/'],
};

export interface Seen {
  readonly isTTY: boolean;
  readonly env: { readonly [name: string]: string | undefined };
  readonly platform: string;
  /** `--no-color` */
  readonly noColor: boolean;
}

export const lookOf = (seen: Seen): Look => ({
  style: pc.createColors(hasColors(seen)),
  signs: hasUnicode(seen) ? UNICODE : ASCII,
});

/** What was asked for last and nearest counts: the flag, then FORCE_COLOR (Node's), then NO_COLOR (no-color.org), then the terminal. */
export function hasColors({ isTTY, env, noColor }: Seen): boolean {
  if (noColor) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env['NO_COLOR']) return false;
  return isTTY && env['TERM'] !== 'dumb';
}

/** A locale that was chosen to be without it, the console of Linux, and Windows' old one, which alone sets no WT_SESSION. */
function hasUnicode({ env, platform }: Seen): boolean {
  if (platform === 'win32') return Boolean(env['WT_SESSION'] ?? env['TERM_PROGRAM']);
  if (env['TERM'] === 'linux' || env['TERM'] === 'dumb') return false;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'];
  return !locale || !/^(C|POSIX)$/.test(locale);
}
