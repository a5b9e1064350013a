import type { TransactionSql } from 'postgres';
import { afterEach, describe, expect, test } from 'vitest';
import { newId } from '../../src/lib/ids.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import { size } from '../support/size.ts';
import {
  addMember,
  addToOrganization,
  createApiToken,
  createOrganization,
  duringChange,
  mutate,
  type Organization,
  PASSWORD,
  type Person,
  roleId,
  signIn,
  signUp,
} from '../support/world.ts';
import { createAndGetId, organizationUuid, secretFor, uuidOf, withBinding } from './support.ts';

/**
 * The directories find the organization of a slug, of a secret and of a person. No foreign key connects them with the rows
 * of the organization, so the mutations must keep both in step, also when they race.
 */
const api = await startApi();
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
const [ours, theirs] = [organizationUuid(acme), organizationUuid(globex)];

let count = 0;
const unique = (text: string): string => `${text}-${++count}`;
const join = (organization = acme, role: 'admin' | 'user' = 'user'): Promise<Person> =>
  addMember(api, organization, role, unique('person'));

afterEach(async () => expect(await differencesOfDirectories(api.root)).toEqual([]));

const codesOf = (answers: Json[]): string[] =>
  answers.map((answer) => answer.refused ?? answer.errors.map(({ code }: Json) => code).join()).sort();
const rename = (organization: Organization, slug: string, caller: Caller = organization.owner): Promise<Json> =>
  mutate(caller, 'updateOrganization', { id: organization.id, slug });
const create = (caller: Caller, slug: string): Promise<Json> =>
  mutate(caller, 'createOrganization', { name: 'New', slug }, 'organization { id slug }');

/** The status of a request with this token. */
const statusOf = async (token: string | undefined): Promise<number> =>
  (await api.as(token).query('{ organization { slug } }')).status;

describe('a slug', () => {
  test('is given to one of several requests at once, whether they create or rename', async () => {
    const founders = await Promise.all(['one', 'two', 'three'].map((name) => signUp(api, `${name}@new.test`)));
    const others = [await createOrganization(api, unique('other')), await createOrganization(api, unique('other'))];
    const answers = await Promise.all([
      ...founders.map((founder) => create(founder, 'wanted')),
      ...others.map((other) => rename(other, 'wanted')),
    ]);
    expect(codesOf(answers)).toEqual(['', 'TAKEN', 'TAKEN', 'TAKEN', 'TAKEN']);
    expect(await api.root`select from organizations where slug = 'wanted'`).toHaveLength(1);
  });

  test('is taken while the request that takes it is uncommitted, and free when its row is deleted', async () => {
    const [slug, other] = [unique('slug'), await createOrganization(api, unique('other'))];
    const change = (sql: TransactionSql) => sql`
      insert into organization_slugs (slug, organization_id) values (${slug}, ${newId()})`;
    const taken = await duringChange(api, change, () => rename(other, slug));
    expect(codesOf([taken])).toEqual(['TAKEN']);
    await api.root`delete from organization_slugs where slug = ${slug}`;
    expect(codesOf([await rename(other, slug)])).toEqual(['']);
  });

  test('is lower-case, so that no two differ by case only', async () => {
    const founder = await signUp(api, `${unique('founder')}@new.test`);
    expect(codesOf([await create(founder, 'ACME'), await rename(globex, 'Acme')])).toEqual(['INVALID', 'INVALID']);
    expect(codesOf([await create(founder, 'acme')])).toEqual(['TAKEN']);
  });

  test('is free after a rename and after the deletion of the organization, and can be taken back', async () => {
    const [first, second] = [
      await createOrganization(api, unique('first')),
      await createOrganization(api, unique('second')),
    ];
    const free = unique('free');
    expect(codesOf([await rename(second, first.slug)])).toEqual(['TAKEN']);
    expect(codesOf([await rename(first, free)])).toEqual(['']);
    expect(codesOf([await rename(second, first.slug)])).toEqual(['']);
    expect(codesOf([await rename(first, first.slug)])).toEqual(['TAKEN']);
    expect(codesOf([await rename(first, free)])).toEqual(['']);
    expect(codesOf([await mutate(second.owner, 'deleteOrganization', { id: second.id, slug: first.slug })])).toEqual([
      '',
    ]);
    expect(codesOf([await rename(first, first.slug)])).toEqual(['']);
    expect(codesOf([await create(await signUp(api, `${unique('new')}@new.test`), second.slug)])).toEqual(['']);
  });

  test('is free as soon as an uncommitted deletion of the organization commits', async () => {
    const gone = await createOrganization(api, unique('gone'));
    const created = await duringChange(
      api,
      (sql) => removeOrganization(sql, organizationUuid(gone)),
      async () => create(await signUp(api, `${unique('new')}@new.test`), gone.slug),
    );
    expect(codesOf([created])).toEqual(['']);
  });

  test('cannot be exchanged by two organizations at once', async () => {
    const pair = [
      await createOrganization(api, unique('left')),
      await createOrganization(api, unique('right')),
    ] as const;
    for (let round = 0; round < size(3, 30); round += 1) {
      const answers = await Promise.all([rename(pair[0], pair[1].slug), rename(pair[1], pair[0].slug)]);
      for (const code of codesOf(answers)) expect(['TAKEN', 'CONFLICT']).toContain(code);
    }
  });

  test('that was changed is in the next response to everybody, also with a cached credential', async () => {
    const home = await createOrganization(api, unique('home'));
    const person = await join(home);
    const token = await createApiToken(api, person, 'READ');
    for (const name of ['b', 'c', 'd']) {
      const slug = unique(name);
      const reads = [person, token].map((caller) => caller.query('{ organization { slug } }'));
      expect(codesOf([await rename(home, slug)])).toEqual(['']);
      await Promise.all(reads);
      for (const caller of [person, token, home.owner])
        expect((await caller.query('{ organization { slug } }')).data).toEqual({ organization: { slug } });
    }
  });
});

/** Runs `work` while the directory is wrong, and restores it. The tokens are not cached by this second server. */
const other = await startApi({ database: api });
async function whileWrong(spoil: (sql: typeof api.root) => Promise<unknown>, work: () => Promise<void>): Promise<void> {
  const tables = ['organization_secrets', 'memberships'] as const;
  const kept = new Map<string, Json[]>();
  for (const table of tables) kept.set(table, [...(await api.root`select * from ${api.root(table)}`)]);
  await spoil(api.root);
  await work().finally(async () => {
    for (const [table, rows] of kept) {
      await api.root`delete from ${api.root(table)}`;
      await api.root`insert into ${api.root(table)} ${api.root(rows)}`;
    }
  });
}
const statusAt = async (token: string | undefined): Promise<number> =>
  (await other.as(token).query('{ organization { slug } }')).status;

describe('the directory of secrets', () => {
  const spoiled: Record<string, (hash: string) => Promise<unknown>> = {
    'points to another organization': (hash) => api.root`
      update organization_secrets set organization_id = ${theirs} where hash = ${hash}`,
    'points to an organization that does not exist': (hash) => api.root`
      update organization_secrets set organization_id = ${newId()} where hash = ${hash}`,
    'has no row': (hash) => api.root`delete from organization_secrets where hash = ${hash}`,
  };

  test.each(Object.entries(spoiled))('refuses a token if it %s', async (_, spoil) => {
    const [person, neighbor] = [await join(), await join()];
    const [token, valid] = [await createApiToken(api, person, 'READ'), await createApiToken(api, neighbor, 'READ')];
    await whileWrong(
      () => spoil(hashSecret(token.token as string)),
      async () => {
        expect(await statusAt(token.token)).toBe(401);
        expect(await statusAt(valid.token)).toBe(200);
      },
    );
    expect(await statusAt(token.token)).toBe(200);
  });

  test('finds nothing by a row whose secret does not exist', async () => {
    const secret = newSecret('ambit_pat_');
    const leave = () =>
      api.root`insert into organization_secrets (hash, organization_id) values (${hashSecret(secret)}, ${ours})`;
    await whileWrong(leave, async () => {
      expect(await statusAt(secret)).toBe(401);
      const [found] = await api.sql`select * from ambit.find_invitation(${hashSecret(secret)})`;
      expect(found).toBeUndefined();
    });
  });

  test('never takes a secret of another organization to the tenant that copies its hash', async () => {
    const token = await createApiToken(api, globex.owner, 'READ');
    const hash = hashSecret(token.token as string);
    const [principal] = await api.root`select id from principals where organization_id = ${ours} limit 1`;
    const run = (text: string) => withBinding(api, { organization: ours }, (tx) => tx.unsafe(text));
    // The hash is random and secret, so that a tenant can neither guess nor reserve one.
    await expect(run(`insert into organization_secrets values ('${hash}', '${ours}')`)).rejects.toMatchObject({
      code: '23505',
    });
    await expect(run(`insert into organization_secrets values ('new', '${theirs}')`)).rejects.toMatchObject({
      code: '42501',
    });
    for (const statement of [
      `update organization_secrets set organization_id = '${ours}' where hash = '${hash}'`,
      `delete from organization_secrets where hash = '${hash}'`,
    ])
      expect((await run(statement)).count).toBe(0);
    await expect(run(`update organization_secrets set organization_id = '${theirs}'`)).rejects.toMatchObject({
      code: '42501',
    });
    await run(`insert into api_tokens (organization_id, id, principal_id, name, access, hash)
      values ('${ours}', '${newId()}', '${principal?.['id']}', 'Copied', 'WRITE', '${hash}')`);
    expect((await other.as(token.token).query('{ organization { slug } }')).data).toEqual({
      organization: { slug: 'globex' },
    });
    await api.root`delete from api_tokens where organization_id = ${ours} and hash = ${hash}`;
  });
});

describe('the directory of memberships', () => {
  test('gives no access by a row without a member', async () => {
    const person = await join();
    const user = uuidOf('usr', person.userId);
    await whileWrong(
      () =>
        api.root`insert into memberships (organization_id, user_id, principal_id) values (${theirs}, ${user}, ${newId()})`,
      async () => {
        expect(
          await api.sql`select from ambit.find_memberships(${user}) where organization_id = ${theirs}`,
        ).toHaveLength(0);
        const sign = { email: person.email, password: PASSWORD, organizationSlug: 'globex' };
        expect(await mutate(api.as(), 'signIn', sign)).toEqual({ refused: 'CONFLICT' });
        const moved = await mutate(person, 'switchOrganization', { organizationId: globex.id });
        expect(moved).toEqual({ refused: 'CONFLICT' });
        expect(
          await api.root`select from sessions where organization_id = ${theirs} and user_id = ${user}`,
        ).toHaveLength(0);
        expect((await (await signIn(api, person.email)).query('{ organization { slug } }')).data).toEqual({
          organization: { slug: 'acme' },
        });
      },
    );
  });

  test('gives no access by a member without a row, and signs in without an organization', async () => {
    const person = await join();
    const user = uuidOf('usr', person.userId);
    await whileWrong(
      () => api.root`delete from memberships where organization_id = ${ours} and user_id = ${user}`,
      async () => {
        const sign = { email: person.email, password: PASSWORD, organizationSlug: 'acme' };
        expect(await mutate(api.as(), 'signIn', sign)).toMatchObject({ errors: [{ code: 'NOT_FOUND' }] });
        expect((await signIn(api, person.email)).memberId).toBe('');
      },
    );
  });

  test('is changed only for the bound user and organization, and only with SQL of the bound organization', async () => {
    const [me, them] = [uuidOf('usr', acme.owner.userId), uuidOf('usr', globex.owner.userId)];
    const run = (text: string) => withBinding(api, { organization: ours, user: me }, (tx) => tx.unsafe(text));
    for (const row of [`'${ours}', '${them}'`, `'${theirs}', '${me}'`, `'${theirs}', '${them}'`])
      await expect(run(`insert into memberships (organization_id, user_id) values (${row})`)).rejects.toMatchObject({
        code: '42501',
      });
    await expect(run(`update memberships set organization_id = '${ours}'`)).rejects.toMatchObject({ code: '42501' });
    expect((await run(`delete from memberships where organization_id = '${theirs}'`)).count).toBe(0);
    const others = await run('select from memberships where organization_id <> ambit.organization_id()');
    expect(others).toHaveLength(0);
  });
});

test('a session that is bound to an organization without the member has no access there', async () => {
  const person = await join();
  const session = uuidOf('ses', (await person.query('{ viewer { credential { id } } }')).data.viewer.credential.id);
  await api.root`update sessions set organization_id = ${theirs} where id = ${session}`;
  const statuses = [await statusOf(person.token), await statusAt(person.token)];
  const refreshed = await mutate(api.as(), 'refreshSession', { refreshToken: person.refreshToken });
  await api.root`delete from sessions where id = ${session}`;
  expect([...statuses, refreshed]).toEqual([401, 401, { refused: 'CONFLICT' }]);
});

/** The statements of deleteMember. */
async function removeMember(sql: TransactionSql, { memberId, userId }: Person): Promise<void> {
  const [principal, user] = [uuidOf('mem', memberId), uuidOf('usr', userId)];
  const secrets =
    await sql`select hash from api_tokens where organization_id = ${ours} and principal_id = ${principal}`;
  await sql`delete from principals where organization_id = ${ours} and id = ${principal}`;
  for (const { hash } of secrets) await sql`delete from organization_secrets where hash = ${hash}`;
  await sql`delete from sessions where organization_id = ${ours} and user_id = ${user}`;
  await sql`delete from memberships where organization_id = ${ours} and user_id = ${user}`;
}

/** The statements of deleteOrganization. */
async function removeOrganization(sql: TransactionSql, id: string): Promise<void> {
  await sql`delete from assignments where organization_id = ${id}`;
  await sql`delete from organizations where id = ${id}`;
  for (const table of ['organization_slugs', 'organization_secrets', 'memberships', 'sessions'])
    await sql`delete from ${sql(table)} where organization_id = ${id}`;
}

type Attempt = (person: Person) => Promise<Json>;
const ATTEMPTS: Record<string, [attempt: Attempt, codes: string[]]> = {
  signIn: [
    ({ email }) => mutate(api.as(), 'signIn', { email, password: PASSWORD, organizationSlug: 'acme' }),
    ['CONFLICT'],
  ],
  refreshSession: [
    ({ refreshToken }) => mutate(api.as(), 'refreshSession', { refreshToken }),
    ['CONFLICT', 'WRONG_CREDENTIALS'],
  ],
  switchOrganization: [
    (person) => mutate(person, 'switchOrganization', { organizationId: acme.id }),
    ['CONFLICT', 'UNAUTHENTICATED'],
  ],
  createApiToken: [(person) => mutate(person, 'createApiToken', { name: 'Late' }), ['CONFLICT', 'UNAUTHENTICATED']],
};

test.each(Object.entries(ATTEMPTS))(
  '%s leaves nothing while the member is being deleted',
  async (_, [attempt, codes]) => {
    const person = await join();
    const answer = await duringChange(
      api,
      (sql) => removeMember(sql, person),
      () => attempt(person),
    );
    expect(codes).toContain(codesOf([answer])[0]);
  },
);

test('no API token can be created while the organization is being deleted', async () => {
  const home = await createOrganization(api, unique('home'));
  const answer = await duringChange(
    api,
    (sql) => removeOrganization(sql, organizationUuid(home)),
    () => mutate(home.owner, 'createApiToken', { name: 'Late' }),
  );
  expect(codesOf([answer])).toEqual(['CONFLICT']);
});

test('an invitation cannot be accepted while the organization is being deleted', async () => {
  const home = await createOrganization(api, unique('home'));
  const guest = await signUp(api, `${unique('guest')}@new.test`);
  await mutate(home.owner, 'createInvitations', { emails: [guest.email], roleId: roleId('user') });
  const secret = secretFor(api, guest.email);
  const answer = await duringChange(
    api,
    (sql) => removeOrganization(sql, organizationUuid(home)),
    () => mutate(guest, 'acceptInvitation', { secret }),
  );
  expect(codesOf([answer])).toEqual(['NOT_FOUND']);
  expect((await guest.query('{ viewer { memberships { organization { slug } } } }')).data).toEqual({
    viewer: { memberships: [] },
  });
});

/** What other requests write before they commit, each with the lock that it takes. */
const UNCOMMITTED: Record<string, (sql: TransactionSql, organization: string, person: Person) => Promise<unknown>> = {
  'a session': async (sql, organization, { userId, memberId }) => {
    const [user, principal] = [uuidOf('usr', userId), uuidOf('mem', memberId)];
    await sql`insert into sessions (id, user_id, organization_id, address, expires_at)
      values (${newId()}, ${user}, ${organization}, 'here', '2100-01-01')`;
    await sql`select from principals where organization_id = ${organization} and id = ${principal} for key share`;
  },
  'an API token': async (sql, organization, { memberId }) => {
    const [hash, principal] = [newId(), uuidOf('mem', memberId)];
    await sql`insert into api_tokens (organization_id, id, principal_id, name, access, hash)
      values (${organization}, ${newId()}, ${principal}, 'Late', 'READ', ${hash})`;
    await sql`insert into organization_secrets (hash, organization_id) values (${hash}, ${organization})`;
  },
};

/** Inserts a token or key of this organization that was created with another one. */
async function insertCreatedWith(sql: TransactionSql | typeof api.root, maker: string, owner: object): Promise<string> {
  const id = newId();
  const row = { organization_id: ours, id, name: id, access: 'READ', created_with_id: maker, hash: `hash ${id}` };
  await sql`insert into api_tokens ${sql({ ...row, previous_hash: `previous ${id}`, ...owner })}`;
  for (const hash of [row.hash, `previous ${id}`])
    await sql`insert into organization_secrets (hash, organization_id) values (${hash}, ${ours})`;
  return id;
}

test('with a token ends all that was created with it and with that, also what is being created', async () => {
  const [person, other] = [await join(), await join()];
  const project = uuidOf('prj', await createAndGetId(acme.owner, 'createProject', { key: 'k', name: 'K' }, 'project'));
  const root = uuidOf('tok', (await createApiToken(api, person, 'READ')).id);
  const kept = uuidOf('tok', (await createApiToken(api, other, 'READ')).id);
  const toOther = { principal_id: uuidOf('mem', other.memberId) };
  const key = await insertCreatedWith(api.root, root, { project_id: project });
  const token = await insertCreatedWith(api.root, key, toOther);
  const last = await insertCreatedWith(api.root, token, { project_id: project });
  await insertCreatedWith(api.root, kept, { project_id: project });
  const removed = await duringChange(
    api,
    (sql) => insertCreatedWith(sql, last, toOther),
    () => mutate(acme.owner, 'deleteMember', { id: person.memberId }),
  );
  expect(codesOf([removed])).toEqual(['']);
  const left = await api.root`select from api_tokens where organization_id = ${ours} and created_with_id is not null`;
  expect(left).toHaveLength(1);
});

test.each(Object.entries(UNCOMMITTED))(
  'a deletion waits for %s that is being created, and deletes it',
  async (_, write) => {
    const person = await join();
    const deleteMember = () => mutate(acme.owner, 'deleteMember', { id: person.memberId });
    expect(codesOf([await duringChange(api, (sql) => write(sql, ours, person), deleteMember)])).toEqual(['']);
    expect(await statusOf(person.token)).toBe(401);

    const home = await createOrganization(api, unique('home'));
    const [id, { owner }] = [organizationUuid(home), home];
    const deleteOrganization = () => mutate(owner, 'deleteOrganization', { id: home.id, slug: home.slug });
    expect(codesOf([await duringChange(api, (sql) => write(sql, id, owner), deleteOrganization)])).toEqual(['']);
    expect(await statusOf(owner.token)).toBe(401);
  },
);

test('no session and no token is left when requests of a member race with their deletion', async () => {
  for (let round = 0; round < size(3, 30); round += 1) {
    const person = await join();
    const elsewhere = await signIn(api, person.email);
    const attempts = Object.values(ATTEMPTS).map(([attempt]) => attempt(elsewhere));
    const removed = mutate(acme.owner, 'deleteMember', { id: person.memberId });
    await Promise.all([...attempts, removed]);
    expect(codesOf([await removed])).toEqual(['']);
    expect([await statusOf(person.token), await statusOf(elsewhere.token)]).toEqual([401, 401]);
    expect(await differencesOfDirectories(api.root)).toEqual([]);
  }
});

test('a deleted member loses sessions and tokens there at once, and keeps those of another organization', async () => {
  const person = await join();
  await addToOrganization(api, globex, person, 'user');
  const there = await signIn(api, person.email, 'globex');
  const tokens = [await createApiToken(api, person, 'READ'), await createApiToken(api, there, 'READ')];
  const all = [person, tokens[0], there, tokens[1]].map((caller) => caller?.token);
  const statuses = async () => [await Promise.all(all.map(statusOf)), await Promise.all(all.map(statusAt))];
  expect(await statuses()).toEqual([Array(4).fill(200), Array(4).fill(200)]);
  await mutate(acme.owner, 'deleteMember', { id: person.memberId });
  expect(await statuses()).toEqual([
    [401, 401, 200, 200],
    [401, 401, 200, 200],
  ]);
  expect((await signIn(api, person.email)).memberId).toBe(there.memberId);
});
