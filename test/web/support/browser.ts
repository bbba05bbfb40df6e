/** Debian's Chromium, driven over its own protocol. Every page is watched: what it throws, and what its content policy refuses, is a failure. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** Of a step of a scenario. */
const LIMIT_MS = 10_000;

export interface Violation {
  readonly view: string;
  readonly rule: string;
  readonly help: string;
  readonly nodes: readonly string[];
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Asks axe-core about the page as it is now. */
  audit(view: string): Promise<void>;
}

export interface VisitOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: 'light' | 'dark';
  /** Signed in by the API; default yes. */
  readonly signedIn?: boolean;
  readonly name?: string;
}

export interface Visitors extends AsyncDisposable {
  /** A browser of its own, with cookies of its own. */
  visit(host: { readonly url: string; readonly token: string }, options?: VisitOptions): Promise<Visit>;
  /** What was thrown and refused on any page so far. */
  readonly problems: readonly string[];
  readonly violations: readonly Violation[];
  /** Ends every visit. */
  leave(): Promise<void>;
}

export async function openBrowser(): Promise<Browser> {
  const { existsSync } = await import('node:fs');
  const executablePath = process.env['CHROMIUM'] ?? PATHS.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error('There is no Chromium: apt-get install chromium, or set CHROMIUM.');
  // Its sandbox needs rights that root in a container has not; what it opens here is our own page.
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({ executablePath, args: ['--disable-gpu', ...(isRoot ? ['--no-sandbox'] : [])] });
}

export function visitors(browser: Browser): Visitors {
  const problems: string[] = [];
  const violations: Violation[] = [];
  const contexts = new Set<BrowserContext>();
  const leave = async () => {
    for (const context of contexts) await context.close();
    contexts.clear();
  };
  return {
    problems,
    violations,
    leave,
    [Symbol.asyncDispose]: leave,
    async visit({ url, token }, { width = 1280, height = 860, theme = 'light', signedIn = true, name = 'Ada' } = {}) {
      const context = await browser.newContext({
        baseURL: url,
        viewport: { width, height },
        colorScheme: theme,
        reducedMotion: 'reduce',
        locale: 'en-GB',
      });
      contexts.add(context);
      context.setDefaultTimeout(LIMIT_MS);
      if (signedIn) await context.request.post('/session', { data: { token, name }, failOnStatusCode: true });
      const page = await context.newPage();
      page.on('pageerror', (error) => problems.push(`thrown: ${error.message}`));
      page.on('dialog', (dialog) => {
        problems.push(`a dialog of the browser: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('console', (message) => {
        // A host that is away is told by the browser, too: those lines are expected.
        if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text()))
          problems.push(`console: ${message.text()}`);
      });
      return { page, context, audit: async (view) => void violations.push(...(await auditOf(page, view))) };
    },
  };
}

async function auditOf(page: Page, view: string): Promise<readonly Violation[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations.map(({ id, help, nodes }) => ({
    view,
    rule: id,
    help,
    nodes: nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary ?? ''}`),
  }));
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}
