import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { stayCookie, stayingWith, stayToken } from './stay.js';

const asking = (cookie?: string) => ({ headers: cookie === undefined ? {} : { cookie } }) as IncomingMessage;
const target = (instance: string, weight = 1) => ({ instance, weight, token: stayToken(instance) });
const route = { isSticky: true, backends: [target('one'), target('two', 0)] };

describe('a visitor of a sticky route', () => {
  it('is known by the cookie, whatever else is among them', () => {
    const said = `a=b; quayside-stay=${stayToken('one')}; c=d`;
    expect(stayingWith(route, asking(said))?.instance).toBe('one');
    expect(stayingWith({ ...route, isSticky: false }, asking(said))).toBeUndefined();
    expect(stayingWith(route, asking(`not-quayside-stay=${stayToken('one')}`))).toBeUndefined();
    expect(stayingWith(route, asking())).toBeUndefined();
  });

  it('is balanced anew where the target has gone, or is to be sent nothing', () => {
    expect(stayingWith(route, asking(`quayside-stay=${stayToken('two')}`))).toBeUndefined();
    expect(stayingWith(route, asking(`quayside-stay=${stayToken('three')}`))).toBeUndefined();
    expect(stayingWith(route, asking('quayside-stay=one'))).toBeUndefined();
  });

  it('is told once, and by a value that names no instance', () => {
    const cookie = stayCookie(target('one'), asking()) ?? '';
    expect(cookie).toMatch(/^quayside-stay=[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(cookie).not.toContain('one');
    expect(stayCookie(target('one'), asking(cookie.split(';')[0]))).toBeUndefined();
    expect(stayCookie(target('two'), asking(cookie.split(';')[0]))).toBeDefined();
    expect(stayCookie({ token: null, weight: 1 }, asking())).toBeUndefined();
  });
});
