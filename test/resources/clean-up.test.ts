import { beforeAll, expect, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import { organizationUuid, secretFor, uuidOf } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  mutate,
  type Organization,
  type Person,
  roleId,
  signIn,
} from '../support/world.ts';

const api = await startApi();
const { root } = api;

const REFRESH = `mutation ($t: String!) { refreshSession(input: { refreshToken: $t }) { session { accessToken } errors { code path } } }`;

/** What a credential is answered, and what it may do. */
async function accessOf(caller: Caller): Promise<Json> {
  const { status, data, errors } = await caller.query(`{
    viewer { role { name } } organization { viewerPermissions }
  }`);
  return { status, data, codes: errors?.map(({ extensions }) => extensions.code) };
}

interface World {
  organization: Organization;
  callers: Record<string, Caller>;
  /** Ids of rows by name. The first are removed, the others stay. */
  removed: Record<string, string>;
  kept: Record<string, string>;
  refreshTokens: string[];
}

async function invite(owner: Person, email: string): Promise<string> {
  const { invitations } = await mutate(
    owner,
    'createInvitations',
    { emails: [email], roleId: roleId('read') },
    'invitations { id }',
  );
  return uuidOf('inv', invitations[0].id);
}

/** An organization with rows that have expired at different times. */
async function createWorld(slug: string): Promise<World> {
  const organization = await createOrganization(api, slug);
  const { owner } = organization;
  const id = organizationUuid(organization);
  const [former, recent, idle] = [
    await addMember(api, organization, 'admin', 'former'),
    await addMember(api, organization, 'admin', 'recent'),
    await addMember(api, organization, 'user', 'idle'),
  ];
  const age = async (table: string, row: string, column: string, days: number): Promise<string> => {
    await root.unsafe(
      `update ${table} set ${column} = now() - interval '${days} days' where id = '${row}' and organization_id = '${id}'`,
    );
    return row;
  };
  const expire = (person: Person, days: number) => root`
    update assignments set expires_at = now() - ${`${days} days`}::interval, fallback_built_in_role_id = ${roleByKey('read').id}
    where organization_id = ${id} and principal_id = ${uuidOf('mem', person.memberId)} and project_id is null`;
  await expire(former, 31);
  await expire(recent, 29);
  const [oldSession, lastSession] = [await signIn(api, idle.email, slug), await signIn(api, idle.email, slug)];
  const sessionOf = async (person: Caller) =>
    uuidOf('ses', (await person.query('{ viewer { credential { id } } }')).data.viewer.credential.id);
  const tokens = await Promise.all([0, 1, 2, 3].map(() => createApiToken(api, idle, 'READ')));
  const [ended, endedRecently, maker, rotated] = tokens.map((token) => uuidOf('tok', token.id)) as [
    string,
    string,
    string,
    string,
  ];
  const made = uuidOf('tok', (await createApiToken(api, idle, 'READ')).id);
  await root`update api_tokens set created_with_id = ${maker} where organization_id = ${id} and id = ${made}`;
  const formerSecret = newSecret('ambit_pat_');
  await root`
    update api_tokens set previous_hash = ${hashSecret(formerSecret)}, previous_hint = 'abcd', previous_ends_at = now() - interval '2 hours'
    where organization_id = ${id} and id = ${rotated}`;
  await root`insert into organization_secrets (hash, organization_id) values (${hashSecret(formerSecret)}, ${id})`;
  return {
    organization,
    callers: {
      owner,
      former,
      recent,
      idle,
      oldSession,
      lastSession,
      ended: tokens[0] as Caller,
      endedRecently: tokens[1] as Caller,
      maker: tokens[2] as Caller,
      rotated: tokens[3] as Caller,
      formerSecret: api.as(formerSecret),
    },
    removed: {
      session: await age('sessions', await sessionOf(oldSession), 'expires_at', 1),
      invitation: await age('invitations', await invite(owner, `old@${slug}.test`), 'expires_at', 31),
      token: await age('api_tokens', ended, 'expires_at', 31),
    },
    kept: {
      session: await sessionOf(lastSession),
      expiredInvitation: await age('invitations', await invite(owner, `new@${slug}.test`), 'expires_at', 29),
      pendingInvitation: await invite(owner, `pending@${slug}.test`),
      endedRecently: await age('api_tokens', endedRecently, 'expires_at', 29),
      // The deletion of this token would end the one that was created with it.
      maker: await age('api_tokens', maker, 'expires_at', 31),
      made,
      rotated,
    },
    refreshTokens: [oldSession.refreshToken, newSecret('ambit_ref_')],
  };
}

const worlds: World[] = [];
let before: Json;

const everyAccess = async (): Promise<Json> =>
  await Promise.all(
    worlds.map(async ({ callers, refreshTokens, organization: { slug } }) => ({
      callers: Object.fromEntries(
        await Promise.all(Object.entries(callers).map(async ([name, caller]) => [name, await accessOf(caller)])),
      ),
      refreshed: await Promise.all(refreshTokens.map(async (t) => (await api.as().query(REFRESH, { t })).data)),
      offers: await Promise.all(
        ['old', 'new', 'pending'].map(
          async (name) =>
            (
              await api.as().query('query ($s: String!) { invitationOffer(secret: $s) { email } }', {
                s: secretFor(api, `${name}@${slug}.test`),
              })
            ).data,
        ),
      ),
    })),
  );

const existing = async (): Promise<Set<string>> =>
  new Set(
    (await root`select id from sessions union all select id from invitations union all select id from api_tokens`).map(
      ({ id }) => id,
    ),
  );

beforeAll(async () => {
  worlds.push(await createWorld('acme'), await createWorld('globex'));
  await root`insert into rate_limits (key, points, expire) values ('old', 1, 1), ('new', 1, ${Date.now() + 3_600_000})`;
  before = await everyAccess();
  await enqueue(api, 'clean-up', { after: null });
  await runJobs(api);
});

test('rows that have expired for long are deleted in every organization, and the others stay', async () => {
  const ids = await existing();
  for (const {
    removed,
    kept,
    organization: { slug },
  } of worlds) {
    expect(
      Object.entries(removed).filter(([, id]) => ids.has(id)),
      slug,
    ).toEqual([]);
    expect(
      Object.entries(kept).filter(([, id]) => !ids.has(id)),
      slug,
    ).toEqual([]);
  }
  const [row] =
    await root`select count(*)::int as tokens from refresh_tokens where session_id not in (select id from sessions)`;
  expect(row?.['tokens']).toBe(0);
  expect((await root`select key from rate_limits where key in ('old', 'new')`).map(({ key }) => key)).toEqual(['new']);
});

test('a role that expired 30 days ago is replaced by its fallback role, which was in force already', async () => {
  const roleOf = async ({ memberId }: Person) => {
    const [row] = await root`
      select built_in_role_id, fallback_built_in_role_id, expires_at is null as permanent
      from assignments where principal_id = ${uuidOf('mem', memberId)}`;
    return { ...row };
  };
  const { former, recent } = (worlds[0] as World).callers;
  const read = roleByKey('read').id;
  expect(await roleOf(former as Person)).toEqual({
    built_in_role_id: read,
    fallback_built_in_role_id: null,
    permanent: true,
  });
  expect(await roleOf(recent as Person)).toEqual({
    built_in_role_id: roleByKey('admin').id,
    fallback_built_in_role_id: read,
    permanent: false,
  });
});

test('the directory has the secrets that exist, and no others', async () => {
  const stored = await root`
    select hash from invitations union select hash from api_tokens
    union select previous_hash from api_tokens where previous_hash is not null order by 1`;
  const listed = await root`select hash from organization_secrets order by 1`;
  expect(listed.map(({ hash }) => hash)).toEqual(stored.map(({ hash }) => hash));
  expect(await root`select from api_tokens where previous_hash is not null or previous_hint is not null`).toEqual([]);
});

test('everybody may do what they could do before, and is answered the same', async () => {
  const after = await everyAccess();
  // A cached answer would be the same anyway, so each credential is read again.
  expect(after).toEqual(before);
  const { callers, offers } = after[0];
  expect(callers.owner.status).toBe(200);
  expect([callers.oldSession.status, callers.ended.status, callers.formerSecret.status]).toEqual([401, 401, 401]);
  expect(offers.map((offer: Json) => offer.invitationOffer?.email ?? null)).toEqual([null, null, 'pending@acme.test']);
});

test('a second run changes nothing', async () => {
  const ids = await existing();
  await enqueue(api, 'clean-up', { after: null });
  await runJobs(api);
  expect(await existing()).toEqual(ids);
  expect(await api.app.dependencies.jobs.failed(10)).toEqual([]);
});
