import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen, startApi } from '../support/api.ts';
import { has } from '../support/packages.ts';
import { addMember, addToOrganization, createOrganization, PASSWORD } from '../support/world.ts';
import { openPage, startBrowser } from './browser.ts';

/** What only a browser decides: when it sends the cookie, and whether the policy of the pages allows them to work. */
describe.skipIf(!has('chromium'))('needs chromium: the sign-in to the reports', () => {
  let browser: Browser;
  let api: Awaited<ReturnType<typeof startApi>>;
  let elsewhere: string;
  let site: string;

  beforeAll(async () => {
    api = await startApi();
    site = api.address.replace('127.0.0.1', 'localhost');
    const acme = await createOrganization(api, 'acme');
    const globex = await createOrganization(api, 'globex');
    const both = await addMember(api, acme, 'read', 'both');
    await addToOrganization(api, globex, both, 'read');
    await addMember(api, acme, 'read', 'reader');
    const target = `${site}/reports/maturity?a=1`;
    const attack = `<form method="post" action="${site}/reports/sign-out"><button>Win</button></form>`;
    // Another site, because its host differs.
    elsewhere = await listen((_req, res) =>
      res
        .setHeader('content-type', 'text/html')
        .end(`<a href="${target}">The report</a>${attack}<iframe src="${target}"></iframe>`),
    );
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  test('works in light and dark and on a small screen, without a violation of the Content-Security-Policy', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, problems } = await openPage(browser, { colorScheme, viewport: { width: 400, height: 800 } });
      await page.goto(`${site}/reports/maturity`);
      await page.getByLabel('E-mail address').fill('both@acme.test');
      await page.getByLabel('Password').fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').waitFor();
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByLabel('globex').check();
      await page.getByRole('button', { name: 'Continue' }).click();
      expect(await page.title()).toContain('globex');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Password').waitFor();
      expect(page.url()).toBe(`${site}/reports/sign-in`);
      expect(problems).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);
      await page.context().close();
    }
  });

  test('a link of another site opens the report for a person who is signed in, and a form of it does nothing', async () => {
    const { page } = await openPage(browser);
    await page.goto(elsewhere);
    await page.getByRole('link').click();
    await page.getByLabel('E-mail address').fill('reader@acme.test');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${site}/reports/maturity?a=1`);
    await page.goto(elsewhere);
    await page.getByRole('link').click();
    // The first page has the same URL.
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    expect(page.url()).toBe(`${site}/reports/maturity?a=1`);
    await page.goto(elsewhere);
    // The frame has no content, because no page may frame the reports.
    expect(await page.frames()[1]?.getByRole('heading').count()).toBe(0);
    await page.getByRole('button', { name: 'Win' }).click();
    await page.getByText('A page of another site has sent this form.').waitFor();
    await page.goto(`${site}/reports/maturity`);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  });
});
