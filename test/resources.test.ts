import { expect, test } from 'vitest';
import { startApi } from './support/api.ts';
import { cast, found, tokenOf } from './support/world.ts';

const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);

test('an Admin sees the checks', async () => {
  const { data, errors } = await people.admin.query('{ checks { totalCount } viewer { role { name } } }');
  expect({ data, errors }).toEqual({
    data: { checks: { totalCount: 0 }, viewer: { role: { name: 'Admin' } } },
    errors: undefined,
  });
  const t = await tokenOf(api, people.user, 'READ');
  expect((await t.query('{viewer{credential{kind access}}}')).data).toEqual({
    viewer: { credential: { kind: 'API_TOKEN', access: 'READ' } },
  });
});
