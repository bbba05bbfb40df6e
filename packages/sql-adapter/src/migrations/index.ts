import { first } from './0001-first.js';
import { hosts } from './0002-hosts.js';
import { triggers } from './0003-triggers.js';
import { plugins } from './0004-plugins.js';
import { audit } from './0005-audit.js';
import type { Migration } from './migration.js';

/** In their order; a database's `schema` is how many of them it has. They go forward only. */
export const MIGRATIONS: readonly Migration[] = [first, hosts, triggers, plugins, audit];
