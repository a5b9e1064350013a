import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';

const api = await startApi();
const production = await startApi({ config: { production: true }, database: api });
const { owner } = await createOrganization(api, 'acme');

async function planOf(address: string, query: string, extensions: unknown = { plan: true }) {
  const response = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${owner.token}` },
    body: JSON.stringify({ query, extensions }),
  });
  return (await response.json()) as { data: unknown; extensions?: { plan: unknown } };
}

test('a request can ask which statements its fields are planned into', async () => {
  const { data, extensions } = await planOf(api.address, '{ list: checks(first: 2) { nodes { name } } }');
  expect(data).toEqual({ list: { nodes: [] } });
  expect(extensions).toEqual({
    plan: {
      planned: true,
      reason: null,
      fields: [{ field: 'list', statement: expect.stringContaining('from "checks"') }],
    },
  });
});

test('the plan names the reason why resolvers execute a query', async () => {
  const { extensions } = await planOf(api.address, '{ checks { nodes { owner { name } } } tiers { totalCount } }');
  expect(extensions).toEqual({
    plan: {
      planned: false,
      reason: 'Member.name has a resolver of its own',
      fields: [
        { field: 'checks', reason: 'Member.name has a resolver of its own' },
        { field: 'tiers', statement: expect.stringContaining('select count(*) as total from "tiers"') },
      ],
    },
  });
});

test('without the request, and in production, a response has no plan', async () => {
  const query = '{ checks { nodes { name } } }';
  for (const [address, extensions] of [
    [api.address, {}],
    [api.address, { plan: 'yes' }],
    [production.address, { plan: true }],
  ] as const)
    expect(await planOf(address, query, extensions)).toEqual({ data: { checks: { nodes: [] } } });
});
