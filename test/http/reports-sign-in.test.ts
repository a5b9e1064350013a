import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { openReport, reportCookie } from '../support/reports.ts';
import { createOrganization } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');

test('a page opens with the cookie, and leads to the sign-in without it', async () => {
  const cookie = await reportCookie(api, acme.owner);
  const response = await openReport(api, '/reports/maturity', cookie);
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('<h1>Maturity</h1>')]);
  const none = await openReport(api, '/reports/maturity');
  expect([none.status, none.headers.get('location')]).toEqual([303, '/reports/sign-in']);
  const missing = await openReport(api, '/reports/nothing', cookie);
  expect([missing.status, await missing.text()]).toEqual([404, expect.stringContaining('Page not found')]);
});
