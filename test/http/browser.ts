import { type Browser, type BrowserContextOptions, type CDPSession, chromium, type Page } from 'playwright-core';
import { find } from '../support/packages.ts';

/** A page of Debian's chromium that records what is loaded and what is logged. */
export interface Visitor {
  page: Page;
  /** Bytes that were received since the last call, headers included. */
  received(): number;
  /** Responses, as `STATUS PATH`. Tests may empty it. */
  responses: string[];
  /** Errors of the console, such as violations of the Content-Security-Policy. Statuses are in `responses`. */
  problems: string[];
  /** Waits until the text of an element contains this. */
  waitFor(selector: string, text: string): Promise<void>;
}

export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: find('chromium') ?? '',
    timeout: 60_000,
    // Containers run tests as root, which has no sandbox, and have little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });

/** Each page has cookies and storage of its own. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const problems: string[] = [];
  page.on('console', (message) => {
    const isProblem = message.type() === 'error' && !message.text().startsWith('Failed to load resource');
    if (isProblem) problems.push(message.text());
  });
  page.on('pageerror', (error) => void problems.push(String(error)));
  const recorded = await record(await context.newCDPSession(page));
  const waitFor = (selector: string, text: string): Promise<void> =>
    page.locator(selector).filter({ hasText: text }).first().waitFor({ state: 'attached' });
  return { page, problems, waitFor, ...recorded };
}

async function record(session: CDPSession) {
  let bytes = 0;
  const responses: string[] = [];
  const fromNetwork = new Set<string>();
  await session.send('Network.enable');
  session.on('Network.responseReceived', ({ requestId, response }) => {
    if (!response.url.startsWith('http')) return;
    fromNetwork.add(requestId);
    responses.push(`${response.status} ${new URL(response.url).pathname}`);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (fromNetwork.has(requestId)) bytes += encodedDataLength;
  });
  return {
    received: () => {
      const before = bytes;
      bytes = 0;
      return before;
    },
    responses,
  };
}
