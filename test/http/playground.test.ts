import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createPlayground } from '../../src/http/playground/playground.ts';
import { startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';

const api = await startApi();
const closed = await startApi({ config: { introspection: 'signed-in' }, database: api });
const { owner } = await createOrganization(api, 'acme');

const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const get = (path: string, headers: Record<string, string> = {}, at = api): Promise<Response> =>
  fetch(`${at.address}${path}`, { headers, redirect: 'manual' });

const filesOf = (page: string): string[] =>
  [...page.matchAll(/(?:src|href)="(playground\/[^"]+)"/g)].map(([, path = '']) => path);

test('the root path redirects a browser to the playground, and is 404 for other clients', async () => {
  const browser = await get('/', BROWSER);
  expect([browser.status, browser.headers.get('location')]).toEqual([302, 'graphql']);
  const program = await get('/', { accept: 'application/json' });
  expect([program.status, (await program.json()).errors[0].extensions.code]).toEqual([404, 'NOT_FOUND']);
});

test('the page is small, is asked for each time, and allows nothing inline', async () => {
  const response = await get('/graphql', BROWSER);
  const page = await response.text();
  expect(page.length).toBeLessThan(3_000);
  expect(page).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
  expect(response.headers.get('content-security-policy')).toMatch(/script-src 'self';.*form-action 'none'/);
  expect(response.headers.get('content-security-policy')).not.toMatch(/unsafe|blob/);
  expect(response.headers.get('cache-control')).toBe('no-cache');
  const again = await get('/graphql', { ...BROWSER, 'if-none-match': response.headers.get('etag') ?? '' });
  expect(again.status).toBe(304);
});

test('the names of the files contain a hash, and caches keep them forever', async () => {
  const files = filesOf(await (await get('/graphql', BROWSER)).text());
  expect(files).toHaveLength(8);
  for (const path of files) {
    const response = await get(`/${path}`, { 'accept-encoding': 'br' });
    expect([
      path,
      response.status,
      response.headers.get('cache-control'),
      response.headers.get('content-encoding'),
    ]).toEqual([expect.stringMatching(/\.[\w-]{16}\.(js|css)$/), 200, 'public, max-age=31536000, immutable', 'br']);
    expect(response.headers.get('content-type')).toMatch(path.endsWith('.js') ? 'text/javascript' : 'text/css');
    // Another version of the file has another name.
    const other = await get(`/${path.replace(/\.[\w-]{16}\./, '.AAAAAAAAAAAAAAAA.')}`);
    expect([other.status, other.headers.get('cache-control')]).toEqual([404, 'no-store']);
  }
});

test('modules import modules by their hashed names', async () => {
  const files = filesOf(await (await get('/graphql', BROWSER)).text());
  const main = await (await get(`/${files.find((path) => path.includes('main.'))}`)).text();
  const imported = [...main.matchAll(/from '\.\/([^']+)'/g)].map(([, name]) => `playground/${name}`);
  expect(imported).toHaveLength(2);
  expect(files).toEqual(expect.arrayContaining(imported));
});

test('only a server with a demo offers accounts, and their texts cannot end the attribute', async () => {
  expect(await (await get('/graphql', BROWSER)).text()).not.toContain('data-demo');
  const demo = { password: 'secret', accounts: [{ email: 'a@b.test', label: `"><script>'&` }] };
  const { body } = await createPlayground(demo).page({ headers: {} } as never);
  expect(String(body)).toContain('&#34;label&#34;:&#34;\\&#34;&#62;&#60;script&#62;');
});

test('an operation by GET is still an operation for clients that are not browsers', async () => {
  const response = await get(`/graphql?query=${encodeURIComponent('{ __typename }')}`);
  expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
});

test('/schema.graphql is the printed schema, for whoever may use introspection', async () => {
  const printed = readFileSync('schema.graphql', 'utf8');
  expect(await (await get('/schema.graphql')).text()).toBe(printed);
  for (const headers of [undefined, { authorization: 'Bearer stale' }]) {
    const refused = await get('/schema.graphql', headers, closed);
    expect([refused.status, (await refused.json()).errors[0].extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
  }
  const allowed = await get('/schema.graphql', { authorization: `Bearer ${owner.token}` }, closed);
  expect([allowed.status, allowed.headers.get('cache-control')]).toEqual([200, 'private, no-cache']);
  expect(await allowed.text()).toBe(printed);
  const known = { 'if-none-match': allowed.headers.get('etag') ?? '' };
  expect((await get('/schema.graphql', known, closed)).status).toBe(401);
});
