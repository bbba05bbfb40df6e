import type { Command } from '../context.js';
import { deploy } from './deploy.js';
import { history } from './history.js';
import { logs } from './logs.js';
import { plan } from './plan.js';
import { proxyConfig } from './proxy-config.js';
import { ps } from './ps.js';
import { remove } from './remove.js';
import { rollback } from './rollback.js';
import { secrets } from './secrets.js';
import { serve } from './serve.js';

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  deploy,
  plan,
  ps,
  history,
  logs,
  rollback,
  remove,
  serve,
  secrets,
  proxyConfig,
];
