import { describe, expect, it } from 'vitest';
import { closest, didYouMean } from './did-you-mean.js';

describe('did you mean', () => {
  it('finds the word that one edit leads to, two swapped neighbours included', () => {
    expect(closest('dve', ['dev', 'prod'])).toBe('dev');
    expect(closest('de', ['dev', 'prod'])).toBe('dev');
    expect(closest('deplyo', ['deploy', 'plan'])).toBe('deploy');
    expect(closest('netwrk', ['network', 'node'])).toBe('network');
  });

  it('prefers the nearest, whatever the case', () => {
    expect(closest('MAXINSTANCE', ['maxInstances', 'settings'])).toBe('maxInstances');
    expect(didYouMean('prot', ['port', 'prod'])).toBe(' (did you mean "port"?)');
  });

  it('proposes no nonsense', () => {
    expect(closest('abc', ['dev', 'prod'])).toBeUndefined();
    expect(didYouMean('x', ['dev'])).toBe('');
    expect(closest('dev', ['de'.repeat(40)])).toBeUndefined();
  });
});
