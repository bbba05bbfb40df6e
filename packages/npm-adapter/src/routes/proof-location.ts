/**
 * Our part of a host's custom nginx configuration: a location at a well-known path, answered by nginx itself, which names the
 * instance that this very configuration sends requests to. It changes together with the upstream, in one file, and leaves the
 * default location, WebSockets and access lists as they are.
 *
 * The name is given only while the upstream is the one that we put: who changes it at the web page leaves our lines standing. The
 * upstream itself is not told to whoever asks.
 */
import type { Holding } from '@quayside/core/ports';
import { type Hold, holdLines, holdWord } from './hold.js';

export const PROOF_PATH = '/.well-known/quayside-instance';

const BEGIN = '# quayside begin: written by Quayside; what stands outside of these lines is kept';
const END = '# quayside end';

/** Before the instance in the answer, and before the word for what visitors are told instead of being sent there. */
const PREFIX = 'quayside ';
const HOLDING = ' holding ';

export interface ProofTarget {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
}

/**
 * The custom configuration with our part in it, anew.
 * @param held what there is, with or without an older part of ours
 * @param more the stage's own directives; they live in our part, so that they leave with it
 * @param hold what holds visitors; absent: nothing
 */
export function withProof(held: string, target: ProofTarget, more: string, hold?: Hold): string {
  const rest = withoutProof(held);
  const says = `${PREFIX}${target.instance}${hold ? `${HOLDING}${holdWord(hold.holding)}` : ''}`;
  return `${rest}${rest ? '\n' : ''}${BEGIN}
location = ${PROOF_PATH} {
  default_type text/plain;
  add_header Cache-Control no-store always;
  if ($server != "${target.host}") { return 404 "elsewhere"; }
  if ($port != "${target.port}") { return 404 "elsewhere"; }
  return 200 "${says}";
}
${hold ? holdLines(hold) : ''}${more.trim() ? `${more.trim()}\n` : ''}${END}
`;
}

/** What is left to the people at the web page. */
export function withoutProof(held: string): string {
  const lines = held.split(/\r?\n/);
  const begin = lines.findIndex((line) => line.startsWith('# quayside begin'));
  if (begin < 0) return held.replace(/\s+$/, '');
  const end = lines.findIndex((line, index) => index > begin && line.startsWith(END));
  const last = end >= 0 ? end : lastOfOurs(lines, begin);
  const rest = [...lines.slice(0, begin), ...(last >= 0 ? lines.slice(last + 1) : [])];
  return rest.join('\n').replace(/\s+$/, '');
}

/** Without its end our part are its own blocks, each up to its closing brace. */
function lastOfOurs(lines: readonly string[], begin: number): number {
  let last = -1;
  for (let index = begin + 1; /^(location|if) .*quayside/.test(lines[index] ?? ''); index = last + 1) {
    const closing = lines.indexOf('}', index);
    if (closing < 0) break;
    last = closing;
  }
  return last;
}

/** What an answer at the path says; undefined where it is no answer of ours. */
export interface Proven {
  readonly instance: string;
  /** The word for what visitors are told; undefined: they are sent to the instance. */
  readonly hold: string | undefined;
}

export function provenIn(status: number, body: string): Proven | undefined {
  const [, instance, hold] = new RegExp(`^${PREFIX}(\\S+)(?:${HOLDING}(\\S+))?\\s*$`).exec(body) ?? [];
  return status === 200 && instance !== undefined ? { instance, hold } : undefined;
}

/** Whether the custom configuration has the lines that tell visitors this. */
export const holdsWith = (configuration: string, holding: Holding): boolean =>
  configuration.includes(`${HOLDING}${holdWord(holding)}";`);
