import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { long } from '../support/size.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  createApiKey,
  createApiToken,
  createCheck,
  createOrganization,
  duringChange,
  getRubric,
  mutate,
  queryData,
  setRole,
} from '../support/world.ts';

/** Attacks on services, teams, filters and results of checks, and on the files of services. */
const api = await startApi({ pool: 3 });
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const check = await createCheck(owner, await getRubric(owner), { settings: { manual: {} } });
const { service } = await mutate(owner, 'createService', { name: 'Shop' }, 'service { id }');
const { team } = await mutate(owner, 'createTeam', { name: 'Web' }, 'team { id }');
const { filter } = await mutate(
  owner,
  'createFilter',
  { name: 'All', connective: 'AND', predicates: [{ key: 'OWNER', operator: 'EXISTS' }] },
  'filter { id }',
);
const { project } = await mutate(owner, 'createProject', { key: 'one', name: 'One' }, 'project { id }');
const [ofService, ofTeam] = [{ service: { id: service.id } }, { team: { id: team.id } }];

const MUTATIONS: Record<string, object> = {
  createService: { name: 'Attack' },
  createServices: { services: [{ name: 'Attack 1' }, { name: 'Attack 2' }] },
  updateService: { ...ofService, description: 'Attack' },
  updateServices: { services: [{ ...ofService, description: 'Attack' }] },
  setServiceProperty: { ...ofService, definition: { alias: 'none' }, value: 1 },
  recordDeploy: { ...ofService, version: 'attack' },
  deleteService: ofService,
  createTeam: { name: 'Attack' },
  updateTeam: { ...ofTeam, description: 'Attack' },
  deleteTeam: ofTeam,
  createFilter: { name: 'Attack', connective: 'AND', predicates: [{ key: 'OWNER', operator: 'EXISTS' }] },
  updateFilter: { id: filter.id, name: 'Attack' },
  deleteFilter: { id: filter.id },
  reportCheckResult: { check: { id: check }, ...ofService, status: 'PASSED' },
  runChecks: ofService,
};

/** What an attack would change. */
const stateOf = () => api.root`
  select (select jsonb_agg(to_jsonb(s) order by s.id) from services s) as services,
    (select jsonb_agg(to_jsonb(t) order by t.id) from teams t) as teams,
    (select jsonb_agg(to_jsonb(f) order by f.id) from filters f) as filters,
    (select jsonb_agg(to_jsonb(r) order by r.id) from check_results r) as results`;

describe('every new mutation is refused and changes nothing', () => {
  test.each<[string, () => Promise<Caller>]>([
    ['with a READ token of an Owner', () => createApiToken(api, owner, 'READ')],
    ['with an API key of a project', async () => createApiKey(api, owner, { projectId: project.id, preset: 'FULL' })],
    [
      'with a WRITE token whose holder is demoted',
      async () => {
        const admin = await addMember(api, acme, 'admin', 'demoted');
        const token = await createApiToken(api, admin, 'WRITE');
        expect(await mutate(token, 'updateTeam', { ...ofTeam, description: 'Allowed' })).toEqual({ errors: [] });
        await setRole(api.root, admin.email, 'read');
        return token;
      },
    ],
  ])('%s', async (_name, create) => {
    const caller = await create();
    const before = await stateOf();
    for (const [name, input] of Object.entries(MUTATIONS))
      expect(await mutate(caller, name, input), name).toEqual({ refused: expect.any(String) });
    expect(await stateOf()).toEqual(before);
  });

  test('and an API key reads none of these objects', async () => {
    const key = await createApiKey(api, owner, { projectId: project.id, preset: 'FULL' });
    const fields = ['services', 'teams', 'filters', 'checks'].map((name) => `${name} { nodes { id } }`);
    const { data, errors } = await key.query(`{ ${fields.join(' ')} servicesReport { overall { services } } }`);
    expect(Object.values(data)).toEqual([null, null, null, null, null]);
    expect(errors?.map(({ extensions }: Json) => extensions.code)).toEqual(Array(5).fill('FORBIDDEN'));
    for (const [method, path] of [
      ['GET', 'export'],
      ['POST', 'import'],
    ] as const) {
      const headers = { authorization: `Bearer ${key.token}`, 'content-type': 'text/csv' };
      const response = await fetch(`${api.address}/services/${path}`, { method, headers });
      expect(response.status).toBe(403);
    }
  });
});

describe('while the service is locked by somebody else,', () => {
  const lockService = (sql: typeof api.root) =>
    sql`select from services where organization_id = ${organizationUuid(acme)} and id = ${uuidOf('svc', service.id)} for update`;
  const lists = ['updateService', 'recordDeploy', 'reportCheckResult', 'runChecks'] as const;

  test.each(lists)('%s of a READ token is refused without waiting', async (name) => {
    const token = await createApiToken(api, owner, 'READ');
    await api.root.begin(async (sql) => {
      await lockService(sql as never);
      expect(await mutate(token, name, MUTATIONS[name] as object)).toEqual({ refused: expect.any(String) });
    });
  });

  test.each(lists)('%s of a holder who is demoted meanwhile is the last one that succeeds', async (name) => {
    const admin = await addMember(api, acme, 'admin', `waiting-${name.toLowerCase()}`);
    const token = await createApiToken(api, admin, 'WRITE');
    const run = () => mutate(token, name, MUTATIONS[name] as object);
    const [raced, next] = await duringChange(
      api,
      lockService as never,
      async () => [await run(), await run()],
      () => setRole(api.root, admin.email, 'read'),
    );
    // The credential was checked before the lock, so the demotion comes after this mutation.
    expect(raced).toEqual({ errors: [] });
    expect(next).toEqual({ refused: expect.any(String) });
  });

  test('a member who leaves the team of the service can no longer change it', async () => {
    const statements = [
      { effect: 'ALLOW', permissions: ['service:read', 'team:read'] },
      { effect: 'ALLOW', permissions: ['service:update'], ownedByPrincipal: true },
    ];
    const { role } = await mutate(owner, 'createRole', { name: 'Own services', statements }, 'role { id }');
    const member = await addMember(api, acme, 'guest', 'leaving');
    await mutate(owner, 'updateMember', { id: member.memberId, roleId: role.id });
    await mutate(owner, 'updateTeam', { ...ofTeam, addMembers: [{ principalId: member.memberId }] });
    await mutate(owner, 'updateService', { ...ofService, owner: { id: team.id } });
    const update = (description: string) => mutate(member, 'updateService', { ...ofService, description });
    expect(await update('As a member')).toEqual({ errors: [] });
    const raced = await duringChange(
      api,
      async (sql) => {
        await sql`update services set owner_id = null where id = ${uuidOf('svc', service.id)}`;
      },
      () => update('After the owner changed'),
    );
    expect(raced).toEqual({ refused: 'NOT_OWNED' });
  });
});

describe('an export whose client never reads', () => {
  const stalled = () =>
    new Promise<{ status: number; destroy: () => void }>((resolve, reject) => {
      const headers = { authorization: `Bearer ${owner.token}` };
      const sent = request(`${api.address}/services/export?format=jsonl`, { headers, agent: false }, (response) => {
        response.pause();
        resolve({ status: response.statusCode ?? 0, destroy: () => sent.destroy() });
      });
      sent.on('error', reject);
      sent.end();
    });

  test('holds no connection to the database, and frees its place when the client disconnects', async () => {
    // More than the buffers of two sockets.
    await api.root`
      insert into services (organization_id, id, name, description)
      select organization_id, gen_random_uuid(), 'Long ' || n, repeat('x', 5000)
      from services, generate_series(1, 4000) n where name = 'Shop'`;
    const first = [await stalled(), await stalled()];
    expect(first.map(({ status }) => status)).toEqual([200, 200]);
    const again = await fetch(`${api.address}/services/export`, {
      headers: { authorization: `Bearer ${owner.token}` },
    });
    expect(again.status).toBe(503);
    for (let at = 0; at < 10; at += 1)
      expect((await queryData(owner, '{ services { totalCount } }')).services.totalCount).toBeGreaterThan(4_000);
    for (const { destroy } of first) destroy();
    await until(async () => {
      const { status, destroy } = await stalled();
      destroy();
      return status === 200;
    });
    await api.root`delete from services where name like 'Long %'`;
  });
});

/** Sends a file in pieces, with a pause before each but the first one. Returns the last line of the response. */
async function upload(pieces: AsyncIterable<string> | Iterable<string>): Promise<Json> {
  const headers = { authorization: `Bearer ${owner.token}`, 'content-type': 'application/jsonl' };
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    async start(controller) {
      for await (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
  const options = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
  const text = await (await fetch(`${api.address}/services/import`, options)).text();
  return JSON.parse(text.trim().split('\n').at(-1) ?? 'null');
}

// These take minutes, because they use the real limits.
if (long)
  describe('with the real limits,', () => {
    const row = (name: string): string => `${JSON.stringify({ name, description: 'x'.repeat(4_900) })}\n`;
    const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));

    test('an upload that pauses for longer than 30 seconds ends, and a steady slow one does not', async () => {
      async function* paused() {
        yield row('Paused 1');
        await pause(40);
        yield row('Paused 2');
      }
      async function* slow() {
        for (let at = 0; at < 8; at += 1) {
          yield row(`Slow ${at}`);
          await pause(5);
        }
      }
      // The organization has one import at a time.
      expect(await upload(slow())).toMatchObject({ type: 'end', created: 8, stopped: null });
      const ended = await upload(paused()).catch((error: unknown) => error);
      if (!(ended instanceof Error)) expect(ended).toMatchObject({ stopped: { code: 'TIMEOUT' } });
      await until(async () => (await upload([row('Next')])).type === 'end');
    }, 300_000);

    test('a file of almost 100 MB is imported', async () => {
      function* rows() {
        for (let at = 0; at < 19_500; at += 1) yield row(`Large ${at}`);
      }
      expect(await upload(rows())).toMatchObject({
        type: 'end',
        rows: 19_500,
        created: 19_500,
        failed: 0,
        stopped: null,
      });
    }, 600_000);
  });
