/** What the demo prints: lines with room to breathe on a terminal, and the same lines without colours in a pipe. */

export interface Screen {
  /** A line as it is. */
  line(text?: string): void;
  /** What comes next, and why it is worth watching. */
  scene(title: string): void;
  /** What the deployer says while it works, with the time since the scene began. */
  log(level: 'debug' | 'info' | 'warn' | 'error', step: string | null, message: string): void;
  /** A fact, under a name. */
  fact(name: string, text: string): void;
  good(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
}

export function screen(write: (line: string) => void, hasColours: boolean): Screen {
  const paint = (code: number) => (text: string) =>
    hasColours && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  const [bold, red, green, yellow, dim] = [paint(1), paint(31), paint(32), paint(33), paint(2)];
  let sceneStartMs = performance.now();
  let scenes = 0;
  return {
    line: (text = '') => write(text),
    scene(title) {
      scenes += 1;
      sceneStartMs = performance.now();
      write('');
      write(bold(`${scenes}. ${title}`));
    },
    log(level, step, message) {
      const seconds = ((performance.now() - sceneStartMs) / 1000).toFixed(2);
      const tint = { debug: dim, info: (text: string) => text, warn: yellow, error: red }[level];
      write(`   ${dim(`${seconds.padStart(6)} s  ${(step ?? '').padEnd(8)}`)} ${tint(short(message))}`);
    },
    fact: (name, text) => write(`   ${dim(name.padEnd(10))} ${text}`),
    good: green,
    bad: red,
    dim,
  };
}

/** A digest's first twelve characters are enough to tell one from another. */
const short = (text: string): string => text.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…');

/** Whether somebody watches who can see colours: https://no-color.org, and FORCE_COLOR for the other way. */
export function wantsColours(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true;
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}
