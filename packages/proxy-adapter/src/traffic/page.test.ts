import { describe, expect, it } from 'vitest';
import { formFor, pageBody } from './page.js';

describe('a page', () => {
  it.each([
    [undefined, 'text'],
    ['*/*', 'text'],
    ['text/html', 'html'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'html'],
    ['application/json, text/html', 'json'],
    ['application/vnd.api+json', 'json'],
    ['application/json;q=0.2, text/html;q=0.3', 'html'],
    ['text/html;q=0', 'text'],
    ['text/html;q=x', 'text'],
    [`${'a/b,'.repeat(100_000)}text/html`, 'text'],
  ])('for Accept %.40j has the form %j', (accept, form) => {
    expect(formFor(accept)).toBe(form);
  });
  it('is whole in each form', () => {
    expect(JSON.parse(pageBody(502, 'json'))).toMatchObject({ status: 502, title: 'Bad gateway' });
    expect(pageBody(404, 'html')).toMatch(/^<!doctype html>[\s\S]+404[\s\S]+<\/html>\n$/);
    expect(pageBody(504, 'text')).toMatch(/^504 Gateway timeout: .+\n$/);
    expect(pageBody('being-deployed', 'text')).toMatch(/^503 Being deployed: .+\n$/);
    expect(JSON.parse(pageBody('being-deployed', 'json'))).toMatchObject({ status: 503 });
  });
});
