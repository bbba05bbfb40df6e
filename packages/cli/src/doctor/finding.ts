/** What a check has found: whether it is well, and what to do where it is not. */
import type { AnyError, Issue } from '@quayside/core';
import { issueText } from '../render/problem.js';

export type CheckName =
  | 'config'
  | 'store'
  | 'engine'
  | 'network'
  | 'proxy'
  | 'registry'
  | 'dns'
  | 'clock'
  | 'disk'
  | 'instances'
  | 'leftovers';

export interface Finding {
  readonly check: CheckName;
  /** `skipped`: it could not be looked at, or there is nothing to look at. */
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  /** What to do; null where there is nothing. */
  readonly hint: string | null;
}

export const good = (check: CheckName, message: string): Finding => ({ check, status: 'ok', message, hint: null });

export const skipped = (check: CheckName, message: string): Finding => ({
  check,
  status: 'skipped',
  message,
  hint: null,
});

export const warning = (check: CheckName, message: string, hint: string): Finding => ({
  check,
  status: 'warning',
  message,
  hint,
});

export const failed = (check: CheckName, message: string, hint: string): Finding => ({
  check,
  status: 'failed',
  message,
  hint,
});

/** What a port, or the configuration, has answered. */
export function failure(check: CheckName, error: AnyError, before = ''): Finding {
  const issues = 'issues' in error && Array.isArray(error.issues) ? (error.issues as Issue[]) : [];
  return failed(check, before + (issues.length > 0 ? issues.map(issueText).join('; ') : error.message), error.hint);
}
