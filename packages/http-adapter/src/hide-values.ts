import { type InvalidError, type Issue, invalid } from '@quayside/core/ports';

/** What an issue shows of a string that is a secret by its meaning, though not by its name. */
export const NOT_SHOWN = 'a string (not shown)';

/** The same issues, without the strings that were given for fields whose path begins so. */
export const hideValues = (issues: readonly Issue[], paths: RegExp): Issue[] =>
  issues.map((issue) =>
    paths.test(issue.path) && issue.received.startsWith('"') ? { ...issue, received: NOT_SHOWN } : issue,
  );

/** The error again, its message made from the hidden issues. */
export const withoutValues = (error: InvalidError<'invalid-options'>, paths: RegExp): InvalidError<'invalid-options'> =>
  invalid('invalid-options', hideValues(error.issues, paths));
