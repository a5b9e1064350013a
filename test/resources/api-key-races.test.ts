import { afterEach, describe, expect, test } from 'vitest';
import { createProject } from '../decisions/support.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { createToken, tryCreate as tryCreateToken } from '../identity/tokens.ts';
import { startApi } from '../support/api.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  createApiKey,
  createOrganization,
  duringChange,
  lockOrganization,
  mutate,
  waitsForLock,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const organizationId = organizationUuid(acme);
const projectId = await createProject(owner, 'main');
const soon = new Date(Date.now() + 3_600_000);

afterEach(async () => expect(await differencesOfDirectories(api.root)).toEqual([]));

/** A secret that a test replaced by SQL. In two statements, because Citus does not join tables of the coordinator and of workers. */
async function removeUnusedSecrets(): Promise<void> {
  const tokens = await api.root`select hash from api_tokens where organization_id = ${organizationId}`;
  const used = tokens.map(({ hash }) => hash);
  await api.root`delete from organization_secrets where organization_id = ${organizationId} and hash <> all (${used})`;
}

const PERMISSIONS = ['dataset:create', 'api_key:read', 'api_key:create', 'api_key:update'];
const newKey = () => createApiKey(api, owner, { projectId, permissions: PERMISSIONS });

describe('a key that is limited while it waits for the lock of its organization', () => {
  const CHANGES = {
    'to other permissions': { permissions: ['api_key:read', 'api_key:create', 'api_key:update'] },
    'to addresses': { addresses: ['10.0.0.0/8'] },
    'to an earlier end': { expires_at: soon },
  };
  for (const [change, columns] of Object.entries(CHANGES))
    test(`creates no key with its earlier limits: ${change}`, async () => {
      const key = await newKey();
      const input = { projectId, name: `Child ${change}`, permissions: ['dataset:create'] };
      const answer = await duringChange(
        api,
        async (sql) => {
          await lockOrganization(sql, 'acme');
          await sql`update api_tokens set ${sql(columns)} where organization_id = ${organizationId} and id = ${uuidOf('key', key.id)}`;
        },
        () => mutate(key, 'createApiKey', input, 'secret'),
      );
      expect(answer).toEqual({ refused: 'CONFLICT' });
    });

  test('does not widen another key', async () => {
    const [key, other] = [
      await newKey(),
      await createApiKey(api, owner, { projectId, permissions: ['api_key:update'] }),
    ];
    const answer = await duringChange(
      api,
      async (sql) => {
        await lockOrganization(sql, 'acme');
        await sql`update api_tokens set permissions = '{api_key:read,api_key:update}' where organization_id = ${organizationId} and id = ${uuidOf('key', key.id)}`;
      },
      () => mutate(key, 'updateApiKey', { id: other.id, permissions: PERMISSIONS }),
    );
    expect(answer).toEqual({ refused: 'CONFLICT' });
  });

  test('creates a key if only its name has changed', async () => {
    const key = await newKey();
    const answer = await duringChange(
      api,
      async (sql) => {
        await lockOrganization(sql, 'acme');
        await sql`update api_tokens set name = 'Renamed' where organization_id = ${organizationId} and id = ${uuidOf('key', key.id)}`;
      },
      () => mutate(key, 'createApiKey', { projectId, name: 'Child', permissions: ['dataset:create'] }),
    );
    expect(answer).toEqual({ errors: [] });
  });
});

test('what a token creates while that is rotated to an earlier end does not outlast it', async () => {
  const admin = await addMember(api, acme, 'admin');
  const create = {
    token: (by: typeof admin) => tryCreateToken(by, {}),
    key: (by: typeof admin) => mutate(by, 'createApiKey', { projectId, name: 'Of a token', preset: 'SDK' }),
  };
  for (const make of Object.values(create)) {
    const token = await createToken(api, admin);
    const answer = await duringChange(
      api,
      (sql) =>
        sql`update api_tokens set hash = ${`rotated ${token.id}`}, expires_at = ${soon} where organization_id = ${organizationId} and id = ${uuidOf('tok', token.id)}`,
      () => make(token as never),
    );
    expect(answer).toEqual({ refused: 'CONFLICT' });
    await removeUnusedSecrets();
    await mutate(admin, 'deleteApiToken', { id: token.id });
  }
});

test('a token that creates another one while its member is deleted does not block the deletion', async () => {
  const admin = await addMember(api, acme, 'admin', 'deleted');
  const token = await createToken(api, admin);
  let creating: ReturnType<typeof tryCreateToken> | undefined;
  // The order of the locks of a deletion: first the member, then its tokens.
  await api.root.begin(async (sql) => {
    await sql`select from principals where organization_id = ${organizationId} and id = ${uuidOf('mem', admin.memberId)} for update`;
    creating = tryCreateToken(token, {});
    await until(() => waitsForLock(api));
    await sql`select from api_tokens where organization_id = ${organizationId} and id = ${uuidOf('tok', token.id)} for update`;
  });
  expect(await creating).toMatchObject({ errors: [] });
});

test('a key whose secret is replaced while it rotates itself gets no new secret', async () => {
  const key = await newKey();
  const answer = await duringChange(
    api,
    async (sql) => {
      await lockOrganization(sql, 'acme');
      await sql`update api_tokens set hash = ${`new ${key.id}`} where organization_id = ${organizationId} and id = ${uuidOf('key', key.id)}`;
    },
    () => mutate(key, 'rotateApiKey', { id: key.id }, 'secret'),
  );
  expect(answer).toEqual({ refused: 'CONFLICT' });
  await removeUnusedSecrets();
  await mutate(owner, 'deleteApiKey', { id: key.id });
});
