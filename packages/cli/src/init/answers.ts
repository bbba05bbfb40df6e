/** What a new configuration is made from: flags, then questions where somebody can answer, then what is usual. */
import { didYouMean } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { flagValue, has } from '../arguments/grammar.js';
import { type UsageError, usage } from '../arguments/parse.js';
import type { Context } from '../context.js';

export const PROXIES = ['embedded', 'npm', 'haproxy'] as const;
export const STORES = ['sqlite', 'postgres'] as const;
export const FORMATS = ['ts', 'json'] as const;

export interface Answers {
  readonly image: string;
  readonly project: string;
  readonly stage: string;
  readonly port: number;
  readonly health: string;
  readonly domain: string;
  readonly proxy: (typeof PROXIES)[number];
  readonly store: (typeof STORES)[number];
}

interface Question {
  readonly name: keyof Answers;
  readonly ask: string;
  readonly usual: (so: Partial<Record<keyof Answers, string>>) => string;
  readonly expected: string;
  readonly isGood: (text: string) => boolean;
  readonly choices?: readonly string[];
}

const oneOf = (choices: readonly string[]) => ({
  choices,
  expected: `one of ${choices.join(', ')}`,
  isGood: (text: string) => choices.includes(text),
});

const QUESTIONS: readonly Question[] = [
  {
    name: 'image',
    ask: 'Which image, without a tag?',
    usual: () => '',
    expected: "a repository without a tag, such as 'registry.example.com/shop'",
    isGood: (text) => /^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$/.test(text) && !/:[^/]*$/.test(text),
  },
  {
    name: 'project',
    ask: 'What is the project called?',
    usual: ({ image = '' }) => image.split('/').at(-1) ?? '',
    expected: 'a name of letters, digits, dots, dashes and underscores',
    isGood: (text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text),
  },
  {
    name: 'stage',
    ask: 'And its first stage?',
    usual: () => 'dev',
    expected: "a name such as dev, or a pattern such as 'pr-*'",
    isGood: (text) => /^[A-Za-z0-9*][A-Za-z0-9._*-]{0,62}$/.test(text),
  },
  {
    name: 'port',
    ask: 'Which port does the app listen on?',
    usual: () => '3000',
    expected: 'an integer from 1 to 65535',
    isGood: (text) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535,
  },
  {
    name: 'health',
    ask: 'Which path answers when it is well?',
    usual: () => '/',
    expected: 'a path that begins with /',
    isGood: (text) => /^\/[!-~]*$/.test(text),
  },
  {
    name: 'domain',
    ask: 'Below which domain do instances appear?',
    usual: () => 'apps.localhost',
    expected: "a lower-case domain such as 'apps.example.com'",
    isGood: (text) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text) && !text.includes('..'),
  },
  { name: 'proxy', ask: 'Which proxy?', usual: () => 'embedded', ...oneOf(PROXIES) },
  { name: 'store', ask: 'Which store?', usual: () => 'sqlite', ...oneOf(STORES) },
];

export async function answersOf(context: Context): Promise<Result<Answers, UsageError>> {
  const { given, io, screen } = context;
  const mayAsk = io.isInteractive && !screen.isJson && !has(given, 'yes');
  const so: Partial<Record<keyof Answers, string>> = {};
  for (const question of QUESTIONS) {
    const flag = flagValue(given, question.name);
    const answer = flag ?? (mayAsk ? await asked(context, question, so) : question.usual(so));
    if (!question.isGood(answer)) return err(wrong(question, answer));
    so[question.name] = answer;
  }
  return ok({ ...(so as Record<keyof Answers, string>), port: Number(so.port) } as Answers);
}

/** Until the answer can be used; nothing means what is usual. */
async function asked({ io, screen }: Context, question: Question, so: Partial<Record<keyof Answers, string>>) {
  const usual = question.usual(so);
  const choices = question.choices ? ` (${question.choices.join(', ')})` : '';
  for (;;) {
    const text = (await io.ask(`${question.ask}${choices}${usual === '' ? '' : ` [${usual}]`} `)).trim() || usual;
    if (question.isGood(text)) return text;
    screen.note(`  Expected ${question.expected}${question.choices ? didYouMean(text, question.choices) : ''}.`);
  }
}

function wrong({ name, expected, choices = [] }: Question, answer: string): UsageError {
  const received = answer === '' ? 'nothing' : JSON.stringify(answer);
  return usage([{ path: `--${name}`, expected: `${expected}${didYouMean(answer, choices)}`, received }], 'init');
}
