import { describe, expect, it } from 'vitest';
import { Secrets } from './secrets.js';

describe('what a host knows', () => {
  it('is what its ports say at this moment, and none of their failures', () => {
    let token = 'first-token';
    const angry = {
      secrets(): string[] {
        throw new Error('first-token');
      },
    };
    const secrets = new Secrets([{ secrets: () => [token] }, angry, null, {}]);
    const early = secrets.redactor(['of-a-deployment']);
    expect(secrets.redactor().text('first-token second-token')).toBe('*** second-token');
    token = 'second-token';
    expect(secrets.redactor().text('first-token second-token')).toBe('first-token ***');
    // One that was made before the port came by it.
    expect(early.text('second-token of-a-deployment')).toBe('*** ***');
  });

  it('is told of no deployment in particular without the values of any, but words and names stay', () => {
    const secrets = new Secrets([]);
    secrets.remember('1', ['s3cr3t-value', 'production', 'shop-api', '8080'], ['shop-api', 'dev', 'v1']);
    const text = 's3cr3t-value of shop-api in production on 8080';
    expect(secrets.redactor().text(text)).toBe(text);
    expect(secrets.wideRedactor().text(text)).toBe('*** of shop-api in production on 8080');
    secrets.remember('2', ['another-s3cr3t'], []);
    expect(secrets.wideRedactor().text('another-s3cr3t')).toBe('***');
  });
});
