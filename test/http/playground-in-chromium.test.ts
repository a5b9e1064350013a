import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHandler } from '../../src/http/handler.ts';
import { createPlayground } from '../../src/http/playground/playground.ts';
import { createGraphql } from '../../src/http/yoga.ts';
import { buildSchema } from '../../src/schema.ts';
import { listen, startApi } from '../support/api.ts';
import { has } from '../support/packages.ts';
import { createOrganization, PASSWORD } from '../support/world.ts';
import { openPage, startBrowser, type Visitor } from './browser.ts';

const POLL = { timeout: 60_000 };

describe.skipIf(!has('chromium'))('needs chromium: the playground', () => {
  let browser: Browser;
  let visitor: Visitor;
  let api: Awaited<ReturnType<typeof startApi>>;
  let address: string;

  const run = async (): Promise<void> => {
    await visitor.page.click('.graphiql-execute-button');
  };
  const signIn = async (): Promise<void> => {
    await visitor.page.selectOption('select[name=demo]', 'owner@acme.test');
    await visitor.page.click('#panel button[type=submit]');
    await visitor.waitFor('#panel', 'Signed in as owner@acme.test in acme');
  };

  beforeAll(async () => {
    const config = { introspection: 'signed-in' } as const;
    api = await startApi({ config });
    await createOrganization(api, 'acme');
    const { dependencies } = api.app;
    const demo = { password: PASSWORD, accounts: [{ email: 'owner@acme.test', label: 'Owner of acme' }] };
    const playground = createPlayground(demo);
    address = await listen(createHandler(createGraphql(buildSchema(), dependencies), dependencies, { playground }));
    browser = await startBrowser();
    visitor = await openPage(browser);
  });
  afterAll(() => browser.close());

  test('loads in less than 1.5 MB, and shows why an operation without a credential is refused', async () => {
    await visitor.page.goto(address, { waitUntil: 'networkidle' });
    expect(visitor.page.url()).toBe(`${address}/graphql`);
    await visitor.waitFor('#panel button', 'Sign in');
    expect(visitor.received()).toBeLessThan(1_500_000);
    await run();
    await visitor.waitFor('.result-window', 'UNAUTHENTICATED');
  });

  test('signs in with a demo account, runs a query, and documents the required permissions', async () => {
    await signIn();
    await run();
    await visitor.waitFor('.result-window', '"organization:delete"');
    await visitor.page.click('button[aria-label="Show Documentation Explorer"]');
    await visitor.waitFor('.graphiql-doc-explorer', 'Root Types');
    await visitor.page.click('//a[text()="Mutation"]');
    await visitor.waitFor('.graphiql-doc-explorer-content', 'Requires check:update');
    await visitor.page.click('//a[text()="updateCheck"]');
    await visitor.waitFor('.graphiql-doc-explorer-content', 'Updates a check');
  });

  test('refreshes an access token that has expired for the server, and before it expires for the browser', async () => {
    const { page, responses } = visitor;
    responses.length = 0;
    api.advance(16 * 60_000);
    await run();
    await expect.poll(() => responses, POLL).toEqual(['401 /graphql', '200 /graphql', '200 /graphql']);
    responses.length = 0;
    await page.evaluate('{ const now = Date.now(); Date.now = () => now + 16 * 60_000; }');
    await run();
    await expect.poll(() => responses, POLL).toEqual(['200 /graphql', '200 /graphql']);
    await visitor.waitFor('.result-window', '"organization:delete"');
  });

  test('stays signed in when it is loaded again, with less than 20 kB', async () => {
    visitor.received();
    await visitor.page.reload({ waitUntil: 'networkidle' });
    await visitor.waitFor('#panel', 'Signed in as owner@acme.test');
    expect(visitor.received()).toBeLessThan(20_000);
  });

  test('a duplicated tab with the same session refreshes it as well, and neither is signed out', async () => {
    const other = await openPage(browser);
    await other.page.goto(address);
    const stored = await visitor.page.evaluate('JSON.stringify({ ...sessionStorage })');
    await other.page.evaluate(`Object.assign(sessionStorage, ${stored})`);
    await other.page.reload();
    await other.waitFor('#panel', 'Signed in as owner@acme.test');
    api.advance(16 * 60_000);
    for (const { page, waitFor } of [visitor, other, visitor]) {
      await page.bringToFront();
      await page.click('.graphiql-execute-button');
      await waitFor('.result-window', '"organization:delete"');
    }
    await other.page.close();
    await visitor.waitFor('#panel', 'Signed in as owner@acme.test');
  });

  test('a stale header in the editor replaces that of the session, does not block a sign-in, and is not saved', async () => {
    await visitor.page.click('//button[text()="Headers"]');
    await visitor.page.click('.graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror');
    await visitor.page.keyboard.type('{"Authorization": "Bearer stale"');
    await visitor.page.click('//button[text()="Sign out"]');
    await visitor.page.waitForSelector('select[name=demo]');
    await signIn();
    await run();
    await visitor.waitFor('.result-window', 'UNAUTHENTICATED');
    await visitor.page.reload({ waitUntil: 'networkidle' });
    await run();
    await visitor.waitFor('.result-window', '"organization:delete"');
  });

  test('a refused sign-in says why, and no token remains after a sign-out', async () => {
    await visitor.page.click('//button[text()="Sign out"]');
    await visitor.page.waitForSelector('select[name=demo]');
    expect(await visitor.page.evaluate('sessionStorage.length')).toBe(0);
    await visitor.page.fill('input[name=email]', 'owner@acme.test');
    await visitor.page.fill('input[name=password]', 'wrong');
    await visitor.page.click('#panel button[type=submit]');
    await visitor.waitFor('#panel [role=status]', 'The e-mail address or the password is wrong');
  });

  test('a link fills in its operation, and its secret leaves the address bar', async () => {
    const operation = encodeURIComponent(
      'mutation { declineInvitation(input: { secret: "hidden" }) { errors { code } } }',
    );
    await visitor.page.goto(`${address}/graphql?invitation=hidden&query=${operation}`, { waitUntil: 'networkidle' });
    await visitor.waitFor('.graphiql-query-editor', 'declineInvitation');
    expect(visitor.page.url()).toBe(`${address}/graphql`);
  });

  test('nothing violates the Content-Security-Policy, and no script fails', async () => {
    await visitor.page.click('button[aria-label="Open settings dialog"]');
    await visitor.waitFor('.graphiql-dialog', 'Theme');
    expect(visitor.problems).toEqual([]);
  });
});
