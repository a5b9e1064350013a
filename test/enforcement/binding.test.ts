import postgres, { type Sql } from 'postgres';
import { afterAll, describe, expect, test } from 'vitest';
import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { type CredentialRow, checkOfCredential } from '../../src/identity/across-tenants.ts';
import { newId } from '../../src/lib/ids.ts';
import { hashSecret } from '../../src/lib/secret.ts';
import { startApi } from '../support/api.ts';
import { addMember, createApiToken, createOrganization, type Organization, type Person } from '../support/world.ts';
import { organizationUuid, uuidOf } from './support.ts';

/** Binding as SQL of the runtime role, on one connection, with the statements sent without waiting for responses. */
const api = await startApi();
const runtime = postgres(api.url, {
  max: 1,
  fetch_types: false,
  onnotice: () => undefined,
  connection: { role: RUNTIME_ROLE, 'citus.propagate_set_commands': 'local' } as object,
});
afterAll(() => runtime.end());

const TABLES = [
  ...['organizations', 'principals', 'people', 'api_tokens', 'audit_events', 'users', 'sessions'],
  ...['memberships', 'organization_secrets', 'organization_slugs'],
];

/** The number of rows of each table that the connection reads now. Sent before it returns. */
async function rowsIn(sql: Sql): Promise<Record<string, number>> {
  const counts = TABLES.map((table) => sql.unsafe(`select count(*)::int as n from ${table}`).execute());
  const rows = await Promise.all(counts);
  return Object.fromEntries(TABLES.map((table, at) => [table, rows[at]?.[0]?.['n']]));
}
const NOTHING = Object.fromEntries(TABLES.map((table) => [table, 0]));

async function credentialsOf(person: Person, organization: Organization) {
  const secret = (await createApiToken(api, person, 'READ')).token as string;
  const session = uuidOf('ses', (await person.query('{ viewer { credential { id } } }')).data.viewer.credential.id);
  const find = async (text: string, key: string) => (await api.sql.unsafe(text, [key]))[0] as unknown as CredentialRow;
  return {
    organization: organizationUuid(organization),
    user: uuidOf('usr', person.userId),
    SESSION: { key: session, row: await find('select * from ambit.find_session_actor($1)', session) },
    TOKEN: {
      key: hashSecret(secret),
      row: await find('select * from ambit.find_token_actor($1)', hashSecret(secret)),
    },
  };
}

const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
const colleague = await credentialsOf(await addMember(api, acme, 'user', 'colleague'), acme);
const theirs = await credentialsOf(globex.owner, globex);
// The last one, because each token changes what the owner reads.
const ours = await credentialsOf(acme.owner, acme);

type Values = readonly (string | null)[];

/** Begins as the pool does: the COMMIT of the transaction before, BEGIN, the check and the first queries. */
async function afterCheck(kind: 'SESSION' | 'TOKEN', values: Values, mode: 'read' | 'write' = 'read') {
  const { text, strictText } = checkOfCredential(kind, '', ours[kind].row);
  const begun = runtime.unsafe('commit;begin isolation level repeatable read read only').execute();
  const checked = runtime.unsafe(mode === 'read' ? text : strictText, values as never[], { prepare: true }).execute();
  const rows = rowsIn(runtime);
  await begun;
  return { isBound: (await checked).length > 0, rows: await rows };
}

/** What a bound connection reads. */
const all = async (organization: string, user: string) => {
  await runtime.unsafe('commit;begin');
  await runtime`select ambit.bind(${organization}, ${user})`;
  return await rowsIn(runtime);
};

describe.each(['SESSION', 'TOKEN'] as const)('the check of a credential of kind %s', (kind) => {
  const { key, row } = ours[kind];
  const right = checkOfCredential(kind, key, row).values;
  const [, organization = null, user = null, version = null] = right;
  const wrong: Record<string, Values> = {
    'another version': [key, organization, user, `${version} `],
    'an empty version': [key, organization, user, ''],
    'no version': [key, organization, user, null],
    'the version of another credential': [key, organization, user, theirs[kind].row.version],
    'another organization': [key, theirs.organization, user, version],
    'an unknown organization': [key, newId(), user, version],
    'no organization': [key, null, user, version],
    'another user': [key, organization, theirs.user, version],
    'a colleague': [key, organization, colleague.user, version],
    'the credential of a colleague': [colleague[kind].key, organization, user, version],
    'the credential of another organization': [theirs[kind].key, organization, user, version],
    'an unknown credential': [kind === 'SESSION' ? newId() : 'unknown', organization, user, version],
    'no credential': [null, organization, user, version],
    nothing: [null, null, null, null],
  };

  test('binds the transaction, and the next one is not bound', async () => {
    const expected = await all(ours.organization, ours.user);
    expect(expected).toMatchObject({ organizations: 1, principals: 2, users: 1, organization_slugs: 1 });
    for (let round = 0; round < 2; round += 1) {
      expect(await afterCheck(kind, right)).toEqual({ isBound: true, rows: expected });
      for (const next of ['commit;begin', 'rollback;begin']) {
        await runtime.unsafe(next);
        expect(await rowsIn(runtime)).toEqual(NOTHING);
      }
    }
  });

  test.each(Object.entries(wrong))('with %s, the statements sent after it read nothing', async (_, values) => {
    // Right before it, the connections to the workers are bound.
    await afterCheck(kind, right);
    expect(await afterCheck(kind, values)).toEqual({ isBound: false, rows: NOTHING });
    await runtime.unsafe('commit;begin');
    expect(await rowsIn(runtime)).toEqual(NOTHING);
  });

  test.each(Object.entries(wrong))('with %s, a change that was sent after it is rolled back', async (_, values) => {
    const { strictText } = checkOfCredential(kind, key, row);
    const name = newId();
    const sent = [
      runtime.unsafe('commit;begin').execute(),
      runtime.unsafe(strictText, values as never[], { prepare: true }).execute(),
      runtime`
        insert into tiers (organization_id, id, index, name)
        values (${ours.organization}, ${newId()}, 100, ${name})`.execute(),
      runtime.unsafe('commit').execute(),
    ];
    const ends = await Promise.allSettled(sent);
    expect(ends[1]).toMatchObject({ status: 'rejected', reason: { code: 'AM001' } });
    expect(ends[2]).toMatchObject({ status: 'rejected', reason: { code: '25P02' } });
    expect(await api.root`select from tiers where name = ${name}`).toHaveLength(0);
    expect(await rowsIn(runtime)).toEqual(NOTHING);
  });

  test('without the strict form, a change that is sent after a failed check violates the policies', async () => {
    const { text } = checkOfCredential(kind, key, row);
    const insert = async (values: Values) => {
      await runtime.unsafe('rollback;begin');
      await runtime.unsafe(text, values as never[], { prepare: true });
      return await runtime`
        insert into tiers (organization_id, id, index, name) values (${ours.organization}, ${newId()}, 100, 'New')`;
    };
    await expect(insert(wrong['another version'] as Values)).rejects.toMatchObject({ code: '42501' });
    expect(await insert(right)).toHaveLength(0);
    await runtime.unsafe('rollback;begin');
  });
});

const HOSTILE = [
  "'",
  "''",
  '\\',
  "\\'",
  "' or true --",
  `'; set local ambit.organization_id = '${theirs.organization}`,
  `\\'; set local ambit.organization_id = '${theirs.organization}'; --`,
  `${theirs.organization}'; reset role; --`,
  `$$; select set_config('ambit.organization_id', '${theirs.organization}', false); $$`,
  `${ours.organization}\n; set ambit.organization_id = '${theirs.organization}'`,
  `%L %s %1$s`,
  ' ',
  'é🐘',
  'x'.repeat(10_000),
];

test.each(HOSTILE)('binds to a text without executing it: %j', async (text) => {
  for (const [organization, user] of [
    [text, ''],
    ['', text],
    [text, text],
  ] as const) {
    await runtime.unsafe('rollback;begin');
    await runtime`select ambit.bind(${organization}, ${user})`;
    const [row] = await runtime`select current_setting('ambit.organization_id') as organization,
      current_setting('ambit.user_id') as person, current_user as role`;
    expect(row).toEqual({ organization, person: user, role: RUNTIME_ROLE });
    for (const table of ['principals', 'users', 'memberships']) {
      await runtime.unsafe('savepoint before');
      const read = await runtime.unsafe(`select from ${table}`).then(
        (rows) => rows.length,
        ({ code }: { code: string }) => code,
      );
      // A text that is not a UUID is an error, as soon as a policy reads it.
      expect([0, '22P02']).toContain(read);
      await runtime.unsafe('rollback to savepoint before');
    }
  }
  await runtime.unsafe('rollback;begin');
  expect(await rowsIn(runtime)).toEqual(NOTHING);
});

test('a binding ends with its savepoint, and another binding replaces it', async () => {
  const [own, other] = [await all(ours.organization, ours.user), await all(theirs.organization, theirs.user)];
  expect(other).not.toEqual(own);
  await runtime.unsafe('rollback;begin');
  await runtime`select ambit.bind(${ours.organization}, ${ours.user})`;
  expect(await rowsIn(runtime)).toEqual(own);
  await runtime.unsafe('savepoint before');
  await runtime`select ambit.bind(${theirs.organization}, ${theirs.user})`;
  expect(await rowsIn(runtime)).toEqual(other);
  await runtime.unsafe('rollback to savepoint before');
  expect(await rowsIn(runtime)).toEqual(own);
  await runtime`select ambit.bind(${theirs.organization}, ${theirs.user})`;
  expect(await rowsIn(runtime)).toEqual(other);
  await runtime`select ambit.bind(null, null)`;
  expect(await rowsIn(runtime)).toEqual(NOTHING);
  await runtime.unsafe('rollback');
});

test('a binding outside a transaction ends with its statement', async () => {
  await runtime`select ambit.bind(${ours.organization}, ${ours.user})`;
  expect(await rowsIn(runtime)).toEqual(NOTHING);
});
