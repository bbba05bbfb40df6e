import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdLines } from './hold.js';
import { provenIn, withoutProof, withProof } from './proof-location.js';

const target = { instance: 'i1', host: '10.0.0.2', port: 3000 };

describe('our part of the custom configuration', () => {
  it('is there once, however often it is written, and leaves what a person wrote', () => {
    const lines = fc.array(fc.constantFrom('gzip on;', '# a note', 'location = /x { return 204; }', '', '}', '  '), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(lines, lines, fc.boolean(), (before, after, isWindows) => {
        const own = `${before.join('\n')}\n${withProof('', target, 'gzip off;')}${after.join('\n')}`;
        const held = isWindows ? own.replaceAll('\n', '\r\n') : own;
        const once = withProof(held, { ...target, instance: 'i2' }, '');
        expect(withProof(once, { ...target, instance: 'i2' }, '')).toBe(once);
        expect(once.split('location = /.well-known').length).toBe(2);
        expect(once).not.toContain('gzip off');
        expect(once).toContain('"quayside i2"');
        const words = (text: string) => text.split(/\s+/).filter(Boolean);
        expect(words(withoutProof(once))).toEqual(words([...before, ...after].join('\n')));
      }),
    );
  });

  it('goes even where a person lost its end', () => {
    const text = withProof('gzip on;', target, '').replace(/# quayside end\n/, 'gzip_types *;\n');
    expect(withoutProof(text).split('\n').filter(Boolean)).toEqual(['gzip on;', 'gzip_types *;']);
  });

  it('is not taken for a default location, which would switch the real one off', () => {
    expect(withProof('', target, '')).not.toMatch(/^(?:.*;)?\s*?location\s*?\/\s*?{/im);
  });

  it('is answered by a name, and by nothing else', () => {
    expect(provenIn(200, 'quayside i1')).toEqual({ instance: 'i1', hold: undefined });
    expect(provenIn(200, 'quayside i1 holding w')).toEqual({ instance: 'i1', hold: 'w' });
    for (const body of ['i1', 'quayside', 'quayside i1 i2', '<html>quayside i1', '']) {
      expect(provenIn(200, body), body).toBeUndefined();
    }
    expect(provenIn(404, 'quayside i1')).toBeUndefined();
  });

  const hold = (message: string) => ({ holding: { message, retryAfterMs: 1_500 }, pass: 'a-word' });

  it('leaves nothing that holds visitors behind, even where a person lost its end', () => {
    const text = withProof('gzip on;', target, '', hold('Back # quayside end soon.'));
    expect(withoutProof(text)).toBe('gzip on;');
    const open = text.replace(/# quayside end\n$/, 'gzip_types *;\n');
    expect(withoutProof(open).split('\n').filter(Boolean)).toEqual(['gzip on;', 'gzip_types *;']);
    expect(withProof(text, target, '')).not.toContain('503');
  });

  it('is one word for nginx and no default location, whatever visitors are told', () => {
    for (const message of [
      '"'.repeat(500),
      '\\'.repeat(500),
      '$'.repeat(500),
      '漢'.repeat(500),
      '; location / {',
      ';LOCATION/{',
    ]) {
      const lines = holdLines(hold(message));
      expect(lines).not.toMatch(/^(?:.*;)?\s*?location\s*?\/\s*?{/im);
      const [, word = ''] = /return 503 ("(?:[^"\\]|\\.)*");/.exec(lines) ?? [];
      expect(word).not.toContain('$');
      // The longest that nginx reads of a configuration (NGX_CONF_BUFFER).
      expect(Buffer.byteLength(word)).toBeLessThan(4_096);
      expect(Buffer.byteLength(word)).toBeGreaterThan(400);
    }
  });
});
