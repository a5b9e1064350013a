import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { openBrowser, openReport, reportCookie, signInToReports } from '../support/reports.ts';
import { addMember, createOrganization, PASSWORD } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const reader = await addMember(api, acme, 'read', 'reader');

test('a page opens with the cookie, and leads to the sign-in without it', async () => {
  const cookie = await reportCookie(api, acme.owner);
  const response = await openReport(api, '/reports/maturity', cookie);
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('<h1>Maturity</h1>')]);
  const none = await openReport(api, '/reports/maturity?a=1');
  expect([none.status, none.headers.get('location')]).toEqual([303, '/reports/sign-in?next=%2Fmaturity%3Fa%3D1']);
  const missing = await openReport(api, '/reports/nothing', cookie);
  expect([missing.status, await missing.text()]).toEqual([404, expect.stringContaining('Page not found')]);
});

test('a person signs in with the form, reads the page, and signs out', async () => {
  const browser = openBrowser(api);
  const page = await browser.submit('/reports/sign-in?next=%2Fmaturity%3Fa%3D1', {
    email: reader.email,
    password: PASSWORD,
  });
  expect([page.status, page.location]).toEqual([303, '/reports/maturity?a=1']);
  const first = await browser.open('/reports/maturity');
  expect([first.status, first.html]).toEqual([200, expect.stringContaining('reader')]);
  const out = await browser.submit('/reports/maturity', {}).catch((e) => e);
  expect(out.status).toBe(405);
  const { hiddenIn } = await import('../support/reports.ts');
  const signedOut = await browser.send('/reports/sign-out', hiddenIn(first.html));
  expect([signedOut.status, signedOut.location, signedOut.html]).toEqual([303, '/reports/sign-in', '']);
  expect((await browser.open('/reports/maturity')).location).toBe('/reports/sign-in?next=%2Fmaturity');
});
