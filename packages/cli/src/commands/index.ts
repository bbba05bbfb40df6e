import type { Command } from '../context.js';
import { approve, deny } from './approve.js';
import { audit } from './audit.js';
import { cancel } from './cancel.js';
import { completion } from './completion.js';
import { config } from './config.js';
import { deploy } from './deploy.js';
import { doctor } from './doctor.js';
import { history } from './history.js';
import { init } from './init.js';
import { logs } from './logs.js';
import { maintenance } from './maintenance.js';
import { pin, unpin } from './pin.js';
import { plan } from './plan.js';
import { proxyConfig } from './proxy-config.js';
import { prune } from './prune.js';
import { ps } from './ps.js';
import { recover } from './recover.js';
import { remove } from './remove.js';
import { rollback } from './rollback.js';
import { secrets } from './secrets.js';
import { serve } from './serve.js';
import { watch } from './watch.js';

/** In the order of the help: what is done every day, and what sets it up and keeps it well. */
export const COMMANDS: readonly Command[] = [
  ...[deploy, plan, ps, history, logs, rollback, cancel, approve, deny, remove, pin, unpin, maintenance],
  ...[init, config, doctor, serve, watch, recover, prune, secrets, audit, completion, proxyConfig],
];
