import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.js';
import { nginxProxyManager } from './proxy-manager.js';
import { parseStageOptions, stageOptionsOf } from './stage-options.js';

const BASE = { url: 'http://npm.internal:81', identity: 'q@example.com', secret: 's' };

describe('nginxProxyManager’s options', () => {
  it('need an address, an identity and a secret, and no more', () => {
    const options = parseOptions(BASE)._unsafeUnwrap();
    expect(options.api.href).toBe('http://npm.internal:81/api/');
    expect(options.identityUrl).toBe('http://npm.internal:81');
    expect([options.frontDoor.http.href, options.frontDoor.https.href]).toEqual([
      'http://npm.internal/',
      'https://npm.internal/',
    ]);
    expect(options.reaches).toEqual([{ kind: 'name', network: '*' }]);
    expect([options.answerTimeoutMs, options.writeTimeoutMs]).toEqual([10_000, 14_000]);
  });

  it.each([
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/', 'https://127.0.0.1/'],
    ['https://edge.test', 'http://edge.test/', 'https://edge.test/'],
    [{ http: 'http://a.test:81' }, 'http://a.test:81/', 'https://a.test/'],
    [{ https: 'https://a.test:444' }, 'http://a.test/', 'https://a.test:444/'],
    [{}, 'http://npm.internal/', 'https://npm.internal/'],
  ])('take %j as the front door', (frontDoor, http, https) => {
    const options = parseOptions({ ...BASE, frontDoor })._unsafeUnwrap();
    expect([options.frontDoor.http.href, options.frontDoor.https.href]).toEqual([http, https]);
  });

  it('keep a path that the web page is published under', () => {
    for (const url of ['https://x.test/npm', 'https://x.test/npm/', 'https://x.test/npm/api/']) {
      expect(parseOptions({ ...BASE, url })._unsafeUnwrap().api.href).toBe('https://x.test/npm/api/');
    }
  });

  it.each([
    ['url', 'npm.internal:81'],
    ['url', 'ftp://npm.internal'],
    ['url', 'http://user:hunter2@npm.internal'],
    ['url', 'http://npm.internal/?a=b'],
    ['identity', ''],
    ['secret', 7],
    ['frontDoor', 'nowhere'],
    ['frontDoor', { http: 'https://a.test' }],
    ['answerTimeout', 'soon'],
    ['answerTimeout', 0],
    ['reaches', []],
    ['reaches', [{ kind: 'address' }]],
    ['sercet', 'x'],
  ])('refuse %s = %j with its path, and never show a secret', (field, value) => {
    const error = nginxProxyManager({ ...BASE, [field]: value } as never)._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-options');
    expect(error.issues[0]?.path).toMatch(new RegExp(`^nginxProxyManager\\.${field}`));
    expect(error.message).not.toContain('hunter2');
  });

  it('are all that is looked at: nothing is opened', () => {
    expect(nginxProxyManager({ ...BASE, url: 'http://127.0.0.1:1' }).isOk()).toBe(true);
  });
});

describe('a stage’s options', () => {
  it('come back from the spec as they were given', () => {
    const given = { certificate: 3, forceHttps: true, websockets: false, advancedConfig: 'gzip on;' };
    const kept = parseStageOptions(given, 'proxy')._unsafeUnwrap();
    expect(stageOptionsOf(JSON.parse(JSON.stringify(kept)))).toEqual(given);
    expect(stageOptionsOf(null)).toEqual({});
  });

  it.each([
    [{ forceHttps: true, certificate: 0 }, 'proxy.forceHttps'],
    [{ hsts: true, forceHttps: false }, 'proxy.hsts'],
    [{ hstsSubdomains: true, hsts: false }, 'proxy.hstsSubdomains'],
    [{ http2: true, certificate: 0 }, 'proxy.http2'],
    [{ certificate: -1 }, 'proxy.certificate'],
    [{ certificate: 'mine' }, 'proxy.certificate'],
    [{ accessList: 1.5 }, 'proxy.accessList'],
    [{ websocket: true }, 'proxy.websocket'],
    [{ advancedConfig: '# quayside end' }, 'proxy.advancedConfig'],
  ])('%j is refused: the proxy would not do it', (options, path) => {
    expect(parseStageOptions(options, 'proxy')._unsafeUnwrapErr().issues[0]?.path).toBe(path);
  });
});
