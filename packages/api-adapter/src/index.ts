/** `@quayside/api-adapter`: the deployer over HTTP, as one fetch handler. */
export type { Action, Ask, Authorize, Grant, Verdict } from './authorize.js';
export { type ApiHandler, apiHandler } from './handler.js';
export type { ApiOptions, ProjectsLookup } from './options.js';
export type { ApiErrorKind, Problem } from './problem.js';
