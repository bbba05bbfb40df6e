import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../arguments/parse.js';
import { COMMANDS } from '../commands/index.js';
import { servePlan } from './plan.js';

const SPECS = COMMANDS.map(({ spec }) => spec);
const plan = (...args: string[]) => servePlan(parseArguments(['serve', ...args], SPECS)._unsafeUnwrap(), '/home/ada');
const wrong = (...args: string[]) => plan(...args)._unsafeUnwrapErr().issues[0];

describe('what serve is asked for', () => {
  it('is plain HTTP in one process, and TLS where there are certificates', () => {
    expect(plan()._unsafeUnwrap()).toEqual({
      host: '0.0.0.0',
      port: 80,
      frontDoor: undefined,
      tlsPort: 443,
      certificate: undefined,
      hasTls: true,
      redirects: false,
      workers: 1,
    });
  });

  it('has files from where the command was called, and a process per core', () => {
    const { certificate, workers } = plan('--tls-cert', 'a.pem', '--tls-key', '/k.pem', '-w', 'auto')._unsafeUnwrap();
    expect(certificate).toEqual({ cert: '/home/ada/a.pem', key: '/k.pem' });
    expect(workers).toBe(availableParallelism());
  });

  it.each([
    [['--tls-cert', 'a.pem'], '--tls-key', /a PEM file, as there is --tls-cert/],
    [['--tls-key', 'a.pem'], '--tls-cert', /a PEM file/],
    [['--workers', '0'], '--workers', /1 to 128, or auto/],
    [['--workers', 'many'], '--workers', /or auto: one per core/],
    [['--redirect', '--no-tls'], '--redirect', /TLS to send visitors to/],
    [['--redirect', '--tls-port', '0'], '--redirect', /known beforehand/],
    [['--front-door', 'http://10.0.0.7', '--workers', '2'], '--front-door', /a URL with a port/],
    [['--front-door', 'here'], '--front-door', /an http or https URL/],
    [['--tls-port', '70000'], '--tls-port', /0 to 65535/],
  ])('is refused as %j', (args, path, expected) => {
    expect(wrong(...args)).toMatchObject({ path, expected: expect.stringMatching(expected) });
  });
});
