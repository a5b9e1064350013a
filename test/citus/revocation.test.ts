import { expect, test } from 'vitest';
import { hashSecret } from '../../src/lib/secret.ts';
import { startApi } from '../support/api.ts';
import { createApiToken, createOrganization } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');

test('a cached token is refused from when the coordinator has deleted it, also if its worker still shows it', async () => {
  const [revoked, valid] = [
    await createApiToken(api, acme.owner, 'READ'),
    await createApiToken(api, acme.owner, 'READ'),
  ];
  const statuses = async () => {
    const responses = [revoked, valid].map((token) => token.query('{ organization { slug } }'));
    return (await Promise.all(responses)).map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 200]);
  expect(await statuses()).toEqual([200, 200]);
  // As if the worker had failed between both phases of the commit.
  await api.root`delete from organization_secrets where hash = ${hashSecret(revoked.token as string)}`;
  expect(await statuses()).toEqual([401, 200]);
});
