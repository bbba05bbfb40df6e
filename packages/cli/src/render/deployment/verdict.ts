/** How a deployment ended, in a few lines that say all that somebody needs who was woken for it. */
import type { AnyError, HealthEvidence, Json, StoredError } from '@quayside/core';
import { durationText } from '../../terminal/quantities.js';
import type { Look } from '../../terminal/style.js';
import { plain, widthOf, wrap } from '../../terminal/width.js';
import { issueText } from '../problem.js';
import { nameOf, type Verdict } from './presenter.js';

const WIDTH_MAX = 100;

/** @param columns of the terminal; undefined: nothing is broken into lines */
export function verdictLines(verdict: Verdict, look: Look, columns: number | undefined): string[] {
  const { error } = verdict;
  return error ? failureLines(verdict, error, look, columns) : successLines(verdict, look);
}

function successLines({ deployment, instance }: Verdict, { style, signs }: Look): string[] {
  const done = style.green(signs.done);
  const name = style.bold(nameOf(deployment));
  const took = deployment.durationMs === null ? '' : ` after ${durationText(deployment.durationMs)}`;
  const line =
    deployment.status === 'unchanged'
      ? `${done} ${name} is live already: nothing has changed`
      : `${done} ${name} is live${took}`;
  return [line, ...(instance?.domains ?? []).map((domain) => `  ${style.cyan(domain)}`)];
}

function failureLines(verdict: Verdict, error: AnyError, { style, signs }: Look, columns: number | undefined) {
  const { deployment, serving } = verdict;
  const stored: StoredError | AnyError = deployment.error ?? error;
  const isPending = deployment.cleanup === 'pending';
  const at = stored.step === undefined || deployment.status === 'cancelled' ? '' : ` at ${stored.step}`;
  const took = deployment.durationMs === null ? '' : ` after ${durationText(deployment.durationMs)}`;
  const what = deployment.status === 'cancelled' ? 'was cancelled' : `failed${at}`;
  const undone = isPending ? ', and could not be rolled back whole' : ' and was rolled back';
  const hasBegun = deployment.startedAt !== null;
  const stands = serving ? `; ${plain(serving.tag)} goes on serving` : '';
  const lines: string[] = [];
  const headline = `${what}${took}${hasBegun ? undone : ''}${stands}`;
  const paragraph = (text: string, paint = (line: string) => line) => {
    const room = columns === undefined ? undefined : Math.max(20, Math.min(WIDTH_MAX, columns) - 2);
    const parts = room === undefined ? [plain(text)] : wrap(plain(text), room);
    lines.push(...parts.map((part) => `  ${paint(part)}`));
  };
  const [first = '', ...more] =
    columns === undefined ? [headline] : wrap(headline, Math.max(20, columns - widthOf(nameOf(deployment)) - 3));
  lines.push(`${style.red(signs.failed)} ${style.bold(nameOf(deployment))} ${first}`);
  for (const line of more) paragraph(line);
  if (deployment.status !== 'cancelled') {
    const issues = 'issues' in error && Array.isArray(error.issues) ? error.issues.map(issueText) : [];
    for (const text of issues.length > 0 ? issues : [stored.message]) paragraph(text);
    const evidence = evidenceOf(stored.details);
    if (evidence) for (const line of evidenceLines(evidence)) paragraph(line, style.dim);
    if (evidence && evidence.lastLines.length > 0) {
      lines.push('  The container said last:');
      lines.push(...evidence.lastLines.map((line) => `  ${style.dim(signs.gutter)} ${plain(line)}`));
    }
    for (const cause of 'causes' in stored ? stored.causes : []) paragraph(`because: ${cause}`);
    paragraph(stored.hint, style.yellow);
  }
  if (isPending) {
    paragraph(`${signs.note} Left: ${deployment.left.join(', ') || 'what it had begun'}.`);
    paragraph('It is tried again whenever quayside runs with this configuration.');
  }
  lines.push(style.dim(`  quayside logs ${deployment.id}`));
  return lines;
}

/** What the message does not say already. */
function evidenceLines({ last, container }: HealthEvidence): string[] {
  const lines: string[] = [];
  const body = last?.body?.trim();
  if (body) lines.push(`it answered: ${plain(body).slice(0, 200)}`);
  if (container) {
    const parts = [container.state];
    if (container.exitCode !== undefined && container.state !== 'running')
      parts.push(`exit code ${container.exitCode}`);
    if (container.oomKilled) parts.push('killed for want of memory');
    if (container.restarts > 0) parts.push(`${container.restarts} restarts`);
    if (container.health) parts.push(`health ${plain(container.health)}`);
    lines.push(`container: ${parts.join(', ')}`);
  }
  return lines;
}

/** Of an error whose details are those of a health check. */
function evidenceOf(details: Json | undefined): HealthEvidence | undefined {
  const isEvidence =
    typeof details === 'object' &&
    details !== null &&
    'reason' in details &&
    'lastLines' in details &&
    Array.isArray(details.lastLines);
  return isEvidence ? (details as unknown as HealthEvidence) : undefined;
}
