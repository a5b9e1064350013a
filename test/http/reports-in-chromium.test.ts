import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toPublicId } from '../../src/lib/ids.ts';
import { createDemo, DEMO_PASSWORD } from '../../src/startup/demo.ts';
import { type Api, type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import { has } from '../support/packages.ts';
import { executeMutation, queryData } from '../support/world.ts';
import { openPage, startBrowser, type Visitor } from './browser.ts';
import { fillOrganization } from './report-rows.ts';

const ODD = '</script><svg onload=alert(1)>';
const DAY = 86_400_000;
/** Where the picture of the README is written. Without the variable, the test takes the picture and writes nothing. */
const PICTURE = process.env['AMBIT_TEST_PICTURE'] ? { path: 'docs/images/maturity-report.png' } : {};

const SIGN_IN = `mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { code path } } }`;

/** A campaign of the demo whose name and brief are attacks. Returns its ID. */
async function createCampaign(api: Api): Promise<string> {
  const input = { email: 'admin@acme.test', password: DEMO_PASSWORD };
  const { session } = await executeMutation(api.as(), SIGN_IN, { input });
  const admin = api.as(session.accessToken);
  const run = (name: string, fields: object, results = ''): Promise<Json> =>
    executeMutation(
      admin,
      `mutation ($input: ${name.slice(0, 1).toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${results} errors { message } } }`,
      { input: fields },
    );
  const brief = `# Why\n\n[Click](javascript:alert(1)) ${ODD} ![x](https://evil.test/x.png)\n\n| a | b |\n|--:|:-:|\n| 1 | 2 |`;
  const { campaign } = await run('createCampaign', { name: `Runbooks ${ODD}`, brief }, 'campaign { id }');
  const { rubric } = await queryData(admin, '{ rubric { checks(first: 5) { nodes { id } } } }');
  await run('copyChecksToCampaign', { campaignId: campaign.id, checks: rubric.checks.nodes });
  const [startAt, targetAt] = [new Date(Date.now() - 20 * DAY), new Date(Date.now() + 20 * DAY)];
  await run('scheduleCampaign', { id: campaign.id, startAt, targetAt });
  return campaign.id;
}

describe.skipIf(!has('chromium'))('needs chromium: the reports', () => {
  let api: Api;
  let browser: Browser;
  let visitor: Visitor;
  let pages: string[];

  const openSignIn = async (options: BrowserContextOptions = {}): Promise<Visitor> => {
    const opened = await openPage(browser, options);
    await opened.page.goto(`${api.address}/reports`);
    return opened;
  };
  const submit = async ({ page }: Visitor, email: string, password = DEMO_PASSWORD): Promise<void> => {
    await page.fill('input[name=email]', email);
    await page.fill('input[name=password]', password);
    await page.press('input[name=password]', 'Enter');
  };
  const signIn = async (email: string, options?: BrowserContextOptions): Promise<Visitor> => {
    const opened = await openSignIn(options);
    await submit(opened, email);
    await opened.waitFor('.who', ' of ');
    return opened;
  };
  const open = (path: string): Promise<unknown> => visitor.page.goto(`${api.address}${path}`);
  const evaluate = <Value>(expression: string): Promise<Value> => visitor.page.evaluate(expression);

  beforeAll(async () => {
    api = await startApi();
    await createDemo(api.url);
    await fillOrganization(api, 'globex', { services: 10_000, teams: 120 });
    await runJobs(api);
    await enqueue(api, 'evaluate-due', { after: null });
    await runJobs(api);
    const campaign = await createCampaign(api);
    await runJobs(api);
    await enqueue(api, 'record-maturity', { after: null });
    await runJobs(api);
    const [scorecard] = await api.root`select id from scorecards`;
    const ofScorecard = `/reports/maturity?scorecard=${toPublicId('sco', scorecard?.['id'])}`;
    pages = ['/reports/maturity', '/reports/campaigns', `/reports/campaigns/${campaign}`, ofScorecard];
    browser = await startBrowser();
    visitor = await openSignIn();
  });
  afterAll(() => browser?.close());

  test('a person signs in with the form and reads the report on maturity', async () => {
    expect(visitor.page.url()).toBe(`${api.address}/reports/sign-in?next=%2Fmaturity`);
    await submit(visitor, 'admin@acme.test', 'wrong');
    await visitor.waitFor('[role=alert]', 'The e-mail address or the password is wrong');
    await submit(visitor, 'admin@acme.test');
    await visitor.waitFor('h1', 'Maturity');
    await visitor.waitFor('.about', 'The levels of 40 services in the rubric.');
    const tree = await visitor.page.locator('body').ariaSnapshot();
    for (const part of [
      '- banner:',
      '- navigation "Reports":',
      '- main:',
      '- heading "Maturity" [level=1]',
      '- region "What to do next"',
      'img "Services by level Gold: ',
      '- table "Services of each level, by team"',
      '- rowheader "Checkout"',
      '- contentinfo:',
    ])
      expect(tree).toContain(part);
  });

  test('a person opens a team, reads what its services need, and returns', async () => {
    await open('/reports/maturity');
    await visitor.page.click('#teams ~ table >> text=Checkout');
    await visitor.waitFor('h1', 'Checkout');
    const tree = await visitor.page.locator('main').ariaSnapshot();
    for (const part of [
      '- navigation "Breadcrumb":',
      '- region "Services"',
      '- rowheader "Basket"',
      '- columnheader "Level"',
    ])
      expect(tree).toContain(part);
    await visitor.page.click('.breadcrumbs >> text=Maturity');
    await visitor.waitFor('h1', 'Maturity');
  });

  test('a person reads a campaign, whose texts cannot run code or load anything', async () => {
    const foreign: string[] = [];
    visitor.page.on('request', (request) => {
      if (!request.url().startsWith(api.address) && !request.url().startsWith('data:')) foreign.push(request.url());
    });
    await open('/reports/campaigns');
    await visitor.page.click(`text=Runbooks ${ODD}`);
    await visitor.waitFor('h1', `Runbooks ${ODD}`);
    await visitor.waitFor('#brief ~ .prose', 'Click');
    expect(
      await evaluate('document.querySelectorAll("script, main svg svg, img, [style], a[href^=javascript]").length'),
    ).toBe(0);
    expect(foreign).toEqual([]);
    const [download] = await Promise.all([
      visitor.page.waitForEvent('download'),
      visitor.page.click('text=Download as CSV'),
    ]);
    expect(download.suggestedFilename()).toMatch(/^acme-campaign-cmp_\w+\.csv$/);
  });

  test('a person without the permission sees which one is missing, and can sign out', async () => {
    const guest = await signIn('guest@acme.test');
    await guest.waitFor('h1', 'No access');
    await guest.waitFor('code', 'check_result:read');
    await guest.page.click('text=Sign out');
    await guest.waitFor('h1', 'Sign in');
    await guest.page.goto(`${api.address}/reports/maturity`);
    expect(guest.page.url()).toContain('/reports/sign-in');
    expect(guest.problems).toEqual([]);
  });

  test('a report of 10,000 services has pages of teams, and stays small', async () => {
    const large = await signIn('admin@globex.test');
    await large.waitFor('.about', 'The levels of 10,000 services in the rubric.');
    large.received();
    await large.page.reload();
    expect(large.received()).toBeLessThan(60_000);
    await large.waitFor('.paging', '1 to 50 of 120 teams');
    await large.page.click('text=Next →');
    await large.waitFor('.paging', '51 to 100 of 120 teams');
    expect(await large.page.locator('#teams ~ table tbody tr').count()).toBe(50);
    await large.page.click('text=365 days');
    await large.waitFor('.options [aria-current]', '365 days');
    expect(large.problems).toEqual([]);
  });

  test('no page is wider than a phone, and its tables are still tables for screen readers', async () => {
    await visitor.page.setViewportSize({ width: 400, height: 800 });
    for (const path of pages) {
      await open(path);
      expect(await evaluate('document.documentElement.scrollWidth'), path).toBe(400);
      const tree = await visitor.page.locator('main').ariaSnapshot();
      expect(tree, path).toMatch(/- rowheader ".+"/);
      expect(tree, path).toContain('- columnheader ');
    }
    await open('/reports/maturity');
    expect(await visitor.page.locator('.chart:visible').count()).toBe(1);
    await visitor.page.setViewportSize({ width: 1200, height: 900 });
  });

  test('a dark scheme has a dark background, and a page on paper is light and without navigation', async () => {
    const ground = 'getComputedStyle(document.body).backgroundColor';
    const isShown = (selector: string): Promise<boolean> => visitor.page.locator(selector).first().isVisible();
    await open('/reports/maturity');
    expect(await evaluate(ground)).toBe('rgb(245, 246, 248)');
    expect(await isShown('nav')).toBe(true);
    await visitor.page.emulateMedia({ colorScheme: 'dark' });
    expect(await evaluate(ground)).toBe('rgb(14, 18, 23)');
    await visitor.page.emulateMedia({ colorScheme: 'dark', media: 'print' });
    expect(await evaluate(ground)).toBe('rgb(255, 255, 255)');
    for (const selector of ['nav', '.account', '.links', 'summary'])
      expect(await isShown(selector), selector).toBe(false);
    expect((await visitor.page.pdf({ format: 'A4', printBackground: false })).length).toBeGreaterThan(10_000);
    await visitor.page.emulateMedia({ colorScheme: null, media: null });
  });

  test('the keyboard reaches everything in the order of the page', async () => {
    await open('/reports/maturity');
    const focused = async (): Promise<string> => {
      await visitor.page.keyboard.press('Tab');
      return await evaluate('document.activeElement.textContent');
    };
    const order: string[] = [];
    for (let at = 0; at < 10; at += 1) order.push(await focused());
    expect(order).toEqual([
      ...['Skip to the content', 'Maturity', 'Campaigns', 'Change organization', 'Sign out', 'Download as CSV'],
      ...['30 days', '90 days', '365 days', 'Show the numbers of the trend'],
    ]);
    expect(await visitor.page.locator('details table').isVisible()).toBe(false);
    await visitor.page.keyboard.press('Enter');
    expect(await visitor.page.locator('details table').isVisible()).toBe(true);
    await open('/reports/maturity');
    await visitor.page.keyboard.press('Tab');
    expect(await evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    await visitor.page.keyboard.press('Enter');
    expect(await focused()).toBe('Download as CSV');
  });

  test('the picture of the README is small', async () => {
    await open('/reports/maturity?days=90');
    const clip = { x: 0, y: 0, width: 1200, height: 1028 };
    const picture = await visitor.page.screenshot({ ...PICTURE, fullPage: true, clip });
    expect(picture.length).toBeLessThan(200_000);
  });

  test('nothing violates the Content-Security-Policy', () => {
    expect(visitor.problems).toEqual([]);
  });
});
