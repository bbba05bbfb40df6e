#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { main } from './main.js';
import { processIo } from './process-io.js';

const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
// No process.exit: a process that does not end by itself has left something open, and that is to be seen.
process.exitCode = await main(process.argv.slice(2), processIo(), manifest.version);
