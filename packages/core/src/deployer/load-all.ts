/** For tests that count the turns of their event loop, where no file is waited for: everything that is loaded late, ahead of time. */
import { loadStart } from './create.js';
import { late } from './late.js';

export const loadAll = (): Promise<unknown> => Promise.all([loadStart, ...Object.values(late)].map((load) => load()));
