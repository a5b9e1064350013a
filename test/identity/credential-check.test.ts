import type { TransactionSql } from 'postgres';
import { describe, expect, inject, test } from 'vitest';
import { type CredentialRow, checkOfCredential } from '../../src/identity/across-tenants.ts';
import { newId } from '../../src/lib/ids.ts';
import { hashSecret } from '../../src/lib/secret.ts';
import { createProject } from '../decisions/support.ts';
import { createAndGetId, organizationUuid, uuidOf } from '../enforcement/support.ts';
import { startApi } from '../support/api.ts';
import { restorer } from '../support/restore.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  executeMutation,
  insertMembers,
  roleId,
} from '../support/world.ts';
import { createToken, rotateToken } from './tokens.ts';

/** The check of a cached credential, against each change of what the credential stands for. */
const api = await startApi();
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
const [ann, ben] = [await addMember(api, acme, 'admin', 'ann'), await addMember(api, acme, 'admin', 'ben')];
const tokenOfMember = await createApiToken(api, ann, 'READ');
const robot = await createAndGetId(
  acme.owner,
  'createServiceAccount',
  { name: 'Robot', roleId: roleId('read') },
  'serviceAccount',
);
const MINT = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret errors { code } } }`;
const { secret } = await executeMutation(acme.owner, MINT, { input: { name: 'Robot', serviceAccountId: robot } });
const rotatedToken = await createToken(api, ann, { access: 'READ' });
await rotateToken(api, ann, rotatedToken.id, { graceSeconds: 3600 });
const [project, otherProject] = [await createProject(acme.owner, 'first'), await createProject(acme.owner, 'second')];
const projectThere = uuidOf('prj', await createProject(globex.owner, 'there'));
const session = (await ann.query('{ viewer { credential { id } } }')).data.viewer.credential.id;

const at = {
  acme: organizationUuid(acme),
  globex: organizationUuid(globex),
  ann: uuidOf('usr', ann.userId),
  annHere: uuidOf('mem', ann.memberId),
  ben: uuidOf('usr', ben.userId),
  benHere: uuidOf('mem', ben.memberId),
  robot: uuidOf('sva', robot),
  owner: uuidOf('usr', globex.owner.userId),
};
const [annThere = ''] = await insertMembers(api.root, at.globex, [at.ann]);
const ids = { ...at, annThere, project: uuidOf('prj', project), otherProject: uuidOf('prj', otherProject) };

/** An API key, as it is stored. */
const key = { id: newId(), hash: hashSecret('the secret of a key') };
await api.root`insert into api_tokens ${api.root({
  ...{ organization_id: ids.acme, ...key, project_id: ids.project, name: 'Key', access: 'WRITE' },
  ...{ preset: 'SDK', permissions: ['trace:create'] },
})}`;
await api.root`insert into organization_secrets ${api.root({ organization_id: ids.acme, hash: key.hash })}`;

type Change = (sql: TransactionSql) => Promise<unknown>;
interface Kind {
  kind: 'SESSION' | 'TOKEN';
  key: string;
  /** A change for each column of the lookup. Null for a column that is always the same. */
  columns: Record<string, Change | null>;
  others: Record<string, Change>;
}

const shared = {
  organization_id: null,
  slug: (sql) => sql`update organizations set slug = 'renamed' where id = ${ids.acme}`,
  organization_name: (sql) => sql`update organizations set name = 'Renamed' where id = ${ids.acme}`,
  plan: (sql) => sql`update organizations set plan = 'TEAM' where id = ${ids.acme}`,
  access_version: (sql) => sql`update organizations set access_version = access_version + 1 where id = ${ids.acme}`,
} satisfies Record<string, Change | null>;

/** Citus does not compute a time from a column. */
const millisecondAfter = async (sql: TransactionSql, table: string, column: string, id: string): Promise<string> =>
  (await sql.unsafe(`select (${column} + interval '1 ms')::text as time from ${table} where id = $1`, [id]))[0]?.[
    'time'
  ];

/** Citus does not move a row to another organization. */
async function moveToken(
  sql: TransactionSql,
  hash: string,
  owner: object = { principal_id: ids.annThere },
): Promise<void> {
  const [token] = await sql`
    delete from api_tokens where organization_id = ${ids.acme} and ${hash} in (hash, previous_hash) returning *`;
  await sql`insert into api_tokens ${sql({ ...token, organization_id: ids.globex, ...owner })}`;
  await sql`update organization_secrets set organization_id = ${ids.globex} where hash = ${hash}`;
}

async function setUser(sql: TransactionSql, principal: string, columns: Record<string, string | null>): Promise<void> {
  await sql`alter table principals disable trigger user_stays`;
  await sql`delete from people where organization_id = ${ids.acme}`;
  await sql`update principals set ${sql(columns)} where organization_id = ${ids.acme} and id = ${principal}`;
  await sql`alter table principals enable trigger user_stays`;
}

const ofUser = {
  email: (sql) => sql`update users set email = 'anna@acme.test' where id = ${ids.ann}`,
  name: (sql) => sql`update users set name = 'Anna' where id = ${ids.ann}`,
  user_created_at: async (sql) =>
    sql`update users set created_at = ${await millisecondAfter(sql, 'users', 'created_at', ids.ann)} where id = ${ids.ann}`,
} satisfies Record<string, Change>;

const removals = {
  'a deletion of the organization': (sql) => sql`delete from organizations where id = ${ids.acme}`,
  'a deletion of the principal': (sql) =>
    sql`delete from principals where organization_id = ${ids.acme} and id in (${ids.annHere}, ${ids.robot})`,
  'a change of an assignment': (sql) =>
    sql`update assignments set expires_at = expires_at where organization_id = ${ids.acme}`,
} satisfies Record<string, Change>;

/** Sets columns of the token or key that the secret with this hash belongs to. */
const set =
  (hash: string, columns: Record<string, string | string[] | null>): Change =>
  async (sql) =>
    sql`update api_tokens set ${sql(columns)} where organization_id = ${ids.acme} and ${hash} in (hash, previous_hash)`;

const soon = (): string => new Date(Date.now() + 60_000).toISOString();

/** The limits of a token or a key. */
const limitsOf = (hash: string) => ({
  permissions: set(hash, { permissions: ['check:read'] }),
  project_ids: set(hash, { project_ids: [ids.project] }),
  addresses: set(hash, { addresses: ['192.0.2.1'] }),
  preset: set(hash, { preset: 'FULL' }),
});

const ofToken = (hash: string): Kind['columns'] => ({
  ...shared,
  ...limitsOf(hash),
  kind: set(hash, { principal_id: null, project_id: ids.project }),
  project_id: set(hash, { principal_id: null, project_id: ids.project }),
  credential_id: set(hash, { id: newId() }),
  access: set(hash, { access: 'WRITE' }),
  expires_at: set(hash, { expires_at: soon() }),
  organization_id: (sql) => moveToken(sql, hash),
  principal_id: set(hash, { principal_id: ids.benHere }),
});

const ofMaximum = {
  'a new maximum lifetime of tokens': (sql) =>
    sql`update organizations set api_token_max_days = 1 where id = ${ids.acme}`,
} satisfies Record<string, Change>;

const hashes = [hashSecret(tokenOfMember.token as string), hashSecret(secret)] as [string, string];
const oldHash = hashSecret(rotatedToken.secret);
const sessionId = uuidOf('ses', session);

const KINDS: Record<string, Kind> = {
  'a session': {
    kind: 'SESSION',
    key: sessionId,
    columns: {
      ...shared,
      ...ofUser,
      credential_id: async (sql) => {
        await sql`delete from refresh_tokens`;
        await sql`update sessions set id = ${newId()} where id = ${sessionId}`;
      },
      access: null,
      expires_at: async (sql) =>
        sql`update sessions set expires_at = ${await millisecondAfter(sql, 'sessions', 'expires_at', sessionId)} where id = ${sessionId}`,
      user_id: (sql) => sql`update sessions set user_id = ${ids.ben} where id = ${sessionId}`,
      organization_id: (sql) => sql`update sessions set organization_id = ${ids.globex} where id = ${sessionId}`,
      principal_id: async (sql) => {
        await sql`delete from api_tokens`;
        await sql`delete from assignments where principal_id = ${ids.annHere}`;
        await sql`update principals set id = ${newId()} where id = ${ids.annHere}`;
      },
    },
    others: {
      ...removals,
      'a switch to no organization': (sql) => sql`update sessions set organization_id = null where id = ${sessionId}`,
      'a switch to an organization with the same values': async (sql) => {
        const [same] = await sql`select slug, name, plan, access_version from organizations where id = ${ids.acme}`;
        await sql`update organizations set ${sql({ ...same })} where id = ${ids.globex}`;
        await sql`update sessions set organization_id = ${ids.globex} where id = ${sessionId}`;
      },
      'a sign-out': (sql) => sql`delete from sessions where id = ${sessionId}`,
    },
  },
  'the token of a member': {
    kind: 'TOKEN',
    key: hashes[0],
    columns: {
      ...ofToken(hashes[0]),
      ...ofUser,
      user_id: (sql) => setUser(sql, ids.annHere, { user_id: ids.owner }),
    },
    others: {
      ...removals,
      ...ofMaximum,
      'a revocation': (sql) => sql`delete from api_tokens where hash = ${hashes[0]}`,
      'a rotation': set(hashes[0], { hash: 'another' }),
      'a rotation with a grace': set(hashes[0], {
        hash: 'another',
        previous_hash: hashes[0],
        previous_ends_at: soon(),
      }),
    },
  },
  'the secret of a token before its rotation': {
    kind: 'TOKEN',
    key: oldHash,
    columns: {
      ...ofToken(oldHash),
      ...ofUser,
      user_id: (sql) => setUser(sql, ids.annHere, { user_id: ids.owner }),
    },
    others: {
      ...removals,
      'an earlier end of the grace': set(oldHash, { previous_ends_at: soon() }),
      'the deletion of the secret': set(oldHash, { previous_hash: null, previous_ends_at: null }),
    },
  },
  'an API key': {
    kind: 'TOKEN',
    key: key.hash,
    columns: {
      ...shared,
      ...limitsOf(key.hash),
      kind: set(key.hash, { project_id: null, principal_id: ids.annHere }),
      project_id: set(key.hash, { project_id: ids.otherProject }),
      credential_id: set(key.hash, { id: newId() }),
      principal_id: set(key.hash, { id: newId() }),
      access: set(key.hash, { access: 'READ' }),
      expires_at: set(key.hash, { expires_at: soon() }),
      name: set(key.hash, { name: 'Renamed' }),
      organization_id: (sql) => moveToken(sql, key.hash, { project_id: projectThere }),
      user_id: null,
      email: null,
      user_created_at: null,
    },
    others: {
      ...removals,
      'a revocation': (sql) => sql`delete from api_tokens where hash = ${key.hash}`,
      'a deletion of the project': (sql) =>
        sql`delete from projects where organization_id = ${ids.acme} and id = ${ids.project}`,
      'a rotation': set(key.hash, { hash: 'another' }),
    },
  },
  'the token of a service account': {
    kind: 'TOKEN',
    key: hashes[1],
    columns: {
      ...ofToken(hashes[1]),
      name: (sql) => sql`update principals set name = 'Machine' where id = ${ids.robot}`,
      user_id: (sql) => setUser(sql, ids.robot, { user_id: ids.owner, name: null }),
      email: null,
      user_created_at: null,
    },
    others: { ...removals, 'a revocation': (sql) => sql`delete from api_tokens where hash = ${hashes[1]}` },
  },
};

const FIND = { SESSION: 'find_session_actor', TOKEN: 'find_token_actor' };

async function lookUp(sql: TransactionSql, { kind, key }: Kind): Promise<CredentialRow | undefined> {
  const [row] = await sql.unsafe(`select * from ambit.${FIND[kind]}($1)`, [key]);
  return row as CredentialRow | undefined;
}

/** Runs the check in the transaction, after it is bound to nothing. Returns what it is bound to then. */
async function check(sql: TransactionSql, { kind, key }: Kind, row: CredentialRow) {
  await sql`select ambit.bind(null, null)`;
  const { text, singleText, values } = checkOfCredential(kind, key, row);
  const single = await sql.unsafe(singleText, values as never[]);
  const { length } = await sql.unsafe(text, values as never[]);
  expect(single).toHaveLength(length);
  const [bound] =
    await sql`select coalesce(current_setting('ambit.organization_id', true), '') as organization, coalesce(current_setting('ambit.user_id', true), '') as "user"`;
  return { isUnchanged: length > 0, ...bound };
}

const UNBOUND = { isUnchanged: false, organization: '', user: '' };

const isCitus = inject('engine') === 'citus';
const restore = isCitus ? await restorer(api) : undefined;

interface Seen {
  before: CredentialRow;
  after: CredentialRow | undefined;
  first: object;
  second: object;
}

/** Makes the change and undoes it. Returns the row of the lookup and the check, before and after. */
const around = (of: Kind, change: Change): Promise<Seen> =>
  isCitus ? aroundCommit(of, change) : aroundRollback(of, change);

async function aroundRollback(of: Kind, change: Change): Promise<Seen> {
  const undo = new Error('rolled back');
  let seen: Seen | undefined;
  const changing = api.root.begin(async (sql) => {
    const before = (await lookUp(sql, of)) as CredentialRow;
    const first = await check(sql, of, before);
    await change(sql);
    seen = { before, after: await lookUp(sql, of), first, second: await check(sql, of, before) };
    throw undo;
  });
  await expect(changing).rejects.toBe(undo);
  return seen as Seen;
}

/** In a transaction on Citus, the lookups, which have a role of their own, cannot read what another role has changed. */
async function aroundCommit(of: Kind, change: Change): Promise<Seen> {
  const [before, first] = await api.sql.begin(async (sql) => {
    const row = (await lookUp(sql, of)) as CredentialRow;
    return [row, await check(sql, of, row)] as const;
  });
  try {
    await api.root.begin(async (sql) => {
      // As the application does. A change of several shards at once would exclude later ones of the same transaction.
      await sql`set local citus.multi_shard_modify_mode = 'sequential'`;
      await change(sql);
    });
    return await api.sql.begin(async (sql) => {
      const after = await lookUp(sql, of);
      return { before, after, first, second: await check(sql, of, before) };
    });
  } finally {
    await restore?.();
  }
}

const columnsOf = async ({ kind }: Kind): Promise<string[]> => {
  const [row] = await api.root`select proargnames[2:] as names from pg_proc where proname = ${FIND[kind]}`;
  return row?.['names'] as string[];
};

describe.each(Object.entries(KINDS))('%s', (_, of) => {
  test('every column of the lookup is covered', async () => {
    expect([...Object.keys(of.columns), 'version'].toSorted()).toEqual((await columnsOf(of)).toSorted());
  });

  test.each(Object.entries(of.columns).flatMap(([column, change]) => (change ? [{ column, change }] : [])))(
    'is not bound after a change of $column',
    async ({ column, change }) => {
      const { before, after, first, second } = await around(of, change);
      expect(first).toEqual({ isUnchanged: true, organization: ids.acme, user: before.user_id ?? '' });
      expect(after?.[column as keyof CredentialRow]).not.toEqual(before[column as keyof CredentialRow]);
      expect(second).toEqual(UNBOUND);
    },
  );

  test.each(Object.entries(of.others))('is not bound after %s', async (__, change) => {
    expect((await around(of, change)).second).toEqual(UNBOUND);
  });

  test('is bound again after a change that does not affect it', async () => {
    const { first, second } = await around(of, async (sql) => {
      await sql`update passwords set hash = 'other'`;
      await sql`update sessions set refreshed_at = now()`;
      await sql`update api_tokens set name = 'Renamed' where organization_id = ${ids.acme} and principal_id is not null`;
      await sql`
        update api_tokens set hint = 'abcd', last_used_at = now(), last_used_address = '192.0.2.1'
        where organization_id = ${ids.acme}`;
      await sql`update organizations set billing_email = 'bill@acme.test'`;
      await sql`update organizations set name = 'Other' where id = ${ids.globex}`;
    });
    expect(second).toEqual(first);
  });
});

test('a session without an organization is bound to its user only', async () => {
  await api.root.begin(async (sql) => {
    await sql`update sessions set organization_id = null where id = ${sessionId}`;
    const of = KINDS['a session'] as Kind;
    const row = (await lookUp(sql, of)) as CredentialRow;
    expect(await check(sql, of, row)).toEqual({ isUnchanged: true, organization: '', user: ids.ann });
    await sql`update sessions set organization_id = ${ids.acme} where id = ${sessionId}`;
    expect(await check(sql, of, row)).toEqual(UNBOUND);
  });
});

test('the check of one credential does not confirm another one', async () => {
  await api.root.begin(async (sql) => {
    const kinds = Object.values(KINDS);
    for (const of of kinds) {
      const row = (await lookUp(sql, of)) as CredentialRow;
      for (const other of kinds.filter(({ kind, key }) => kind === of.kind && key !== of.key))
        expect(await check(sql, other, row)).toEqual(UNBOUND);
      for (const wrong of [{ user_id: ids.ben }, { organization_id: ids.globex }, { version: '' }])
        expect(await check(sql, of, { ...row, ...wrong })).toEqual(UNBOUND);
    }
  });
});
