/** An error as people and as machines read it. */
import type { AnyError, Issue } from '@quayside/core';
import type { Look } from '../terminal/style.js';
import { plain } from '../terminal/width.js';

const isIssues = (error: AnyError): error is AnyError & { readonly issues: readonly Issue[] } =>
  'issues' in error && Array.isArray(error.issues) && error.issues.length > 0;

export const issueText = ({ path, expected, received }: Issue): string =>
  plain(`${path}: expected ${expected}, got ${received}`);

const OPENING: { readonly [kind: string]: string } = {
  'invalid-config': 'The configuration is not usable',
  'invalid-options': 'The options are not usable',
  'invalid-request': 'The request is not usable',
};

/** One line per wrong field; otherwise what happened, and what to do. */
export function problemLines(error: AnyError, { style, signs }: Look): string[] {
  const label = style.bold(style.red('error:'));
  const file = 'file' in error && typeof error.file === 'string' ? ` (${error.file})` : '';
  if (isIssues(error)) {
    const [first, ...more] = error.issues;
    const where = file === '' ? [] : [style.dim(`  in ${file.slice(2, -1)}`)];
    // An error of the command line says where its help is.
    const hint = error.hint.startsWith('See ') ? [style.dim(`  ${error.hint}`)] : [];
    if (first && more.length === 0) return [`${label} ${issueText(first)}`, ...where, ...hint];
    const lines = error.issues.map((issue) => `  ${signs.dot} ${issueText(issue)}`);
    return [`${label} ${OPENING[error.kind] ?? 'Not usable'}${file}:`, ...lines, ...hint];
  }
  return [`${label} ${plain(error.message)}`, style.dim(`  ${plain(error.hint)}`)];
}

/** Without `cause`, which stays in the process. */
export function problemJson(error: AnyError): object {
  const { kind, code, message, hint, retryable, step, details } = error;
  return {
    kind,
    ...(code === undefined ? {} : { code }),
    message,
    hint,
    retryable,
    ...(step === undefined ? {} : { step }),
    ...(isIssues(error) ? { issues: error.issues } : {}),
    ...(details === undefined || isIssues(error) ? {} : { details }),
    ...('file' in error && typeof error.file === 'string' ? { file: error.file } : {}),
  };
}
