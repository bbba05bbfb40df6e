/** What is done with the blocks of each page. */
import type { Uses } from '../use.js';
import { ADAPTERS } from './adapters.js';
import { AUTHORS } from './authors.js';
import { HOSTS } from './hosts.js';
import { OVER_HTTP } from './over-http.js';
import { PLUGINS } from './plugins.js';
import { TYPED } from './typed.js';

export const USES: Uses = { ...HOSTS, ...OVER_HTTP, ...ADAPTERS, ...AUTHORS, ...PLUGINS, ...TYPED };
