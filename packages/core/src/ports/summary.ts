/**
 * What an event means, for people who read it in a chat or a mail: whose it is, how it ended, after how long, why not and what to
 * do now, and where to look. A notifier only dresses it, and escapes it as its receiver wants.
 */
import type { Json, JsonObject } from '../domain/json.js';
import type { Message } from './notifier.js';

export type Tone = 'good' | 'bad' | 'neutral' | 'working';

export interface Summary {
  readonly tone: Tone;
  /** One sentence without a full stop: `shop v1.4.2 is live on dev`. */
  readonly title: string;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly cause: string | null;
  readonly hint: string | null;
  /** The container's last lines, oldest first: at most ten, 800 characters together. */
  readonly lastLines: readonly string[];
  /** Where the instance answers. */
  readonly links: readonly string[];
  /** Wall clock, milliseconds. */
  readonly time: number;
}

const LINES_MAX = 10;
const LINES_LENGTH_MAX = 800;
const LINKS_MAX = 5;

/** Makes something of any data. The texts have no control characters but line breaks and tabs; of anything else they may be full. */
export function summarize(message: Message, linkScheme: 'http' | 'https'): Summary {
  const { data } = message;
  const deployment = object(data['deployment']);
  const instance = object(data['instance']);
  const error = object(data['error']) ?? object(deployment?.['error']);
  const about = deployment ?? instance ?? data;
  const durationMs = number(deployment?.['durationMs']);
  const isFailure = ['deployment.failed', 'deployment.cancelled', 'deployment.rolling-back'].includes(message.type);
  const isHeld = object(data['maintenance']) !== null;
  const [tone, title] = verdict(message.type, about, text(data['reason']), isHeld);
  return {
    tone,
    title,
    facts: [
      fact('Project', text(about['project'])),
      fact('Stage', text(about['stage'])),
      fact('Tag', text(about['tag'])),
      fact('Duration', durationMs === null ? null : durationText(durationMs)),
      fact('By', text((deployment ?? data)['by'])),
      fact('Message', text(object(data['maintenance'])?.['message'])),
      fact('Left to remove', leftText(deployment)),
    ].flat(),
    cause: isFailure && error ? causeText(error) : null,
    hint: isFailure ? text(error?.['hint']) : null,
    lastLines: isFailure ? lastLines(error) : [],
    links: domains(instance)
      .slice(0, LINKS_MAX)
      .map((domain) => `${linkScheme}://${domain}`)
      .filter((link) => URL.canParse(link)),
    time: message.time,
  };
}

function verdict(type: string, about: JsonObject, reason: string | null, isHeld: boolean): readonly [Tone, string] {
  const what = [text(about['project']) ?? 'A deployment', text(about['tag'])].filter(Boolean).join(' ');
  const stage = text(about['stage']);
  const on = stage === null ? '' : ` on ${stage}`;
  const isRollback = about['kind'] === 'rollback';
  switch (type) {
    case 'deployment.queued':
      return ['working', `${what} waits for its turn${on}`];
    case 'deployment.started':
      return ['working', `${what} is being deployed${on}`];
    case 'deployment.rolling-back':
      return ['bad', `${what} failed${on} and is being undone`];
    case 'deployment.succeeded':
      return ['good', isRollback ? `Rolled back to ${what}${on}` : `${what} is live${on}`];
    case 'deployment.unchanged':
      return ['neutral', `${what} was live${on} already`];
    case 'deployment.failed':
      return ['bad', isRollback ? `Rolling back to ${what} failed${on}` : `${what} failed${on}`];
    case 'deployment.cancelled':
      return ['neutral', `${what} was cancelled${on}`];
    case 'deployment.superseded':
      return ['neutral', `${what} was superseded by a newer request${on}`];
    case 'deployment.abandoned':
      return ['bad', `${what} was abandoned${on}: nobody could run it`];
    case 'deployment.cleaned':
      return ['neutral', `What ${what} had left${on} is removed`];
    case 'instance.retiring':
      return ['neutral', `${what} is retiring${on}${reason ? ` (${reason})` : ''}`];
    case 'instance.retired':
      return ['neutral', `${what} has retired${on}${reason ? ` (${reason})` : ''}`];
    case 'stage.maintenance':
      return ['neutral', isHeld ? `${what} is in maintenance${on}` : `The maintenance of ${what} has ended${on}`];
    default:
      return ['neutral', `${what}${on}: ${type}`];
  }
}

const causeText = (error: JsonObject): string => {
  const step = text(error['step']);
  const message = text(error['message']) ?? 'no cause was told';
  return step === null ? message : `${step}: ${message}`;
};

/** A failed health check brings them in its evidence. */
function lastLines(error: JsonObject | null): readonly string[] {
  const lines = object(error?.['details'])?.['lastLines'];
  if (!Array.isArray(lines)) return [];
  const kept: string[] = [];
  let left = LINES_LENGTH_MAX;
  for (const line of lines.slice(-LINES_MAX).reverse()) {
    if (typeof line !== 'string' || left <= 0) break;
    const shown = shorten(readable(line), left);
    kept.unshift(shown);
    left -= shown.length;
  }
  return kept;
}

function leftText(deployment: JsonObject | null): string | null {
  const left = deployment?.['left'];
  if (deployment?.['cleanup'] !== 'pending' || !Array.isArray(left)) return null;
  return text(left.filter((each) => typeof each === 'string').join(', '));
}

const domains = (instance: JsonObject | null): string[] => {
  const found = instance?.['domains'];
  return Array.isArray(found) ? found.filter((domain): domain is string => typeof domain === 'string') : [];
};

/** `850 ms`, `12.3 s`, `2 min 5 s`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** At most so many characters, the last of them `…` where something was left out; no surrogate pair is cut in two. */
export function shorten(value: string, lengthMax: number): string {
  if (value.length <= lengthMax) return value;
  return `${value.slice(0, Math.max(0, lengthMax - 1)).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** A terminal's colours, other control characters and halves of characters: a chat shows them as rubbish, or refuses the message. */
const readable = (value: string): string =>
  value
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(/\r\n?/g, '\n')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '')
    .replace(/\p{Surrogate}/gu, '\ufffd');

const fact = (label: string, value: string | null) => (value === null ? [] : [{ label, value }]);
const text = (value: Json | undefined): string | null =>
  typeof value === 'string' && value !== '' ? readable(value) : null;
const number = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null);
const object = (value: Json | undefined): JsonObject | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
