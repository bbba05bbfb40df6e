#!/usr/bin/env node
import { main } from './main.js';

const isInteractive = process.stdin.isTTY === true && process.stdout.isTTY === true;

process.exitCode = await main(process.argv.slice(2), {
  ...(isInteractive ? { terminal: { input: process.stdin, output: process.stdout } } : {}),
  cwd: process.cwd(),
  print: (text) => void process.stdout.write(`${text}\n`),
  printError: (text) => void process.stderr.write(`${text}\n`),
});
