import { describe, expect, test } from 'vitest';
import { JOB_SCHEMA } from '../../src/lib/jobs.ts';
import type { Json } from '../support/api.ts';
import { statementsOf } from '../support/statements.ts';
import { addMember, mutate, type Person } from '../support/world.ts';
import { allow, createServiceAccount, ifOwned, startWorld } from './support.ts';

const { api, acme } = await startWorld();
const { owner } = acme;

test('a change of access on the services of teams names the teams', async () => {
  const member = await addMember(api, acme, 'guest', 'of-teams');
  for (const name of ['Pay', 'Web', 'Other'])
    await mutate(owner, 'createTeam', {
      name,
      ...(name !== 'Other' && { members: [{ principalId: member.memberId }] }),
    });
  const input = { name: 'Own services', statements: [allow('service:read'), ifOwned(allow('service:update'))] };
  const { role } = await mutate(owner, 'createRole', input, 'role { id }');
  const results = 'accessChanges { principal { id } gained teamIds teams { id name } }';
  const { accessChanges } = await mutate(
    owner,
    'updateMember',
    { id: member.memberId, roleId: role.id, dryRun: true },
    results,
  );
  const [inOrganization, onServices] = accessChanges;
  expect(inOrganization).toMatchObject({ principal: { id: member.memberId }, teamIds: null, teams: null });
  expect(onServices.gained).toContain('service:update');
  expect(onServices.teams.map(({ name }: { name: string }) => name).sort()).toEqual(['Pay', 'Web']);
  expect(onServices.teams.map(({ id }: { id: string }) => id)).toEqual(onServices.teamIds);
});

describe('a change of teams or owners', () => {
  const CHANGES = 'accessChanges { principal { id } gained lost teamIds serviceIds teams { name } services { name } }';
  const names = (all: Json[] | null): string[] | null => all?.map(({ name }) => name).sort() ?? null;
  const shown = ({ principal, gained, lost, ...rest }: Json): Json => ({
    ...{ id: principal.id, gained, lost },
    ...{ teams: names(rest.teams), services: names(rest.services) },
  });

  async function startTeams() {
    const statements = [allow('team:*', 'service:read', 'service:create'), ifOwned(allow('service:update'))];
    const { role } = await mutate(owner, 'createRole', { name: crypto.randomUUID(), statements }, 'role { id }');
    const person = async (): Promise<Person> => {
      const member = await addMember(api, acme, 'guest', crypto.randomUUID());
      await mutate(owner, 'updateMember', { id: member.memberId, roleId: role.id });
      return member;
    };
    const [ann, bob] = [await person(), await person()];
    const team = async (name: string, members: { memberId: string }[] = []): Promise<string> => {
      const input = { name, members: members.map(({ memberId }) => ({ principalId: memberId })) };
      return (await mutate(owner, 'createTeam', input, 'team { id }')).team.id;
    };
    const service = async (name: string, ownerId: string | null): Promise<string> =>
      (await mutate(owner, 'createService', { name, owner: ownerId && { id: ownerId } }, 'service { id }')).service.id;
    return { ann, bob, team, service, role: role.id as string };
  }

  test('reports the same changes as a dry run and when it is made', async () => {
    const { ann, bob, team, service } = await startTeams();
    const [core, ops] = [await team('Core', [ann]), await team('Ops', [bob])];
    const [shop, cart] = [await service('Shop', core), await service('Cart', core)];
    const update = { gained: ['service:update'], lost: [] };
    const reverse = { gained: [], lost: ['service:update'] };
    const [ofAnn, ofBob] = [ann, bob].map(({ memberId: id }) => ({ id, teams: null, services: null }));
    const cases: [name: string, input: object, changes: object[]][] = [
      ['updateTeam', { team: { id: core }, name: 'Kernel' }, []],
      ['updateTeam', { team: { id: ops }, parent: { id: core } }, [{ ...ofAnn, ...update, teams: ['Ops'] }]],
      ['updateTeam', { team: { id: ops }, parent: null }, [{ ...ofAnn, ...reverse, teams: ['Ops'] }]],
      [
        'updateTeam',
        { team: { id: core }, addMembers: [{ principalId: bob.memberId }], removeMembers: [ann.memberId] },
        [
          { ...ofAnn, ...reverse, teams: ['Kernel'] },
          { ...ofBob, ...update, teams: ['Kernel'] },
        ],
      ],
      [
        'createTeam',
        { name: 'New', members: [{ principalId: ann.memberId }] },
        [{ ...ofAnn, ...update, teams: ['New'] }],
      ],
      ['deleteTeam', { team: { alias: 'new' } }, [{ ...ofAnn, ...reverse, teams: [] }]],
      ['createService', { name: 'Bank', owner: { id: ops } }, [{ ...ofBob, ...update, services: ['Bank'] }]],
      [
        'createServices',
        { services: ['One', 'Two'].map((name) => ({ name, owner: { id: ops } })) },
        [{ ...ofBob, ...update, services: ['One', 'Two'] }],
      ],
      ['updateService', { service: { id: shop }, description: 'Sells.' }, []],
      ['updateService', { service: { id: shop }, owner: null }, [{ ...ofBob, ...reverse, services: ['Shop'] }]],
      [
        'updateServices',
        { services: [shop, cart].map((id) => ({ service: { id }, owner: { id: ops } })) },
        [{ ...ofBob, ...update, services: ['Shop'] }],
      ],
    ];
    for (const [name, input, changes] of cases) {
      const result = name.startsWith('delete')
        ? 'deletedId'
        : `${/(team|services?)$/i.exec(name)?.[0].toLowerCase()} { id }`;
      const dry = await mutate(owner, name, { ...input, dryRun: true }, `${CHANGES} result: ${result}`);
      expect(dry, name).toMatchObject({ result: null, errors: [] });
      const real = await mutate(owner, name, input, CHANGES);
      expect(real.accessChanges.map(shown), name).toEqual(changes);
      const without = ({ teams, services, teamIds, serviceIds, ...rest }: Json) => ({
        ...rest,
        ...{ teams: teamIds?.length, services: serviceIds?.length },
      });
      expect(dry.accessChanges.map(without), name).toEqual(real.accessChanges.map(without));
    }
  });

  test('cannot be a dry run for one of several services only', async () => {
    const inputs = [{ name: 'Written' }, { name: 'Not written', dryRun: true }];
    expect(await mutate(owner, 'createServices', { services: inputs })).toEqual({
      errors: [{ code: 'INVALID', path: ['services', '1', 'dryRun'] }],
    });
    expect((await owner.query('{ services(filter: { search: "written" }) { totalCount } }')).data.services).toEqual({
      totalCount: 0,
    });
  });

  test('evaluates nothing and adds no job as a dry run', async () => {
    const { team, service } = await startTeams();
    const [core, shop] = [await team('Measured'), await service('Measured', null)];
    const changes: [string, object][] = [
      ['updateService', { service: { id: shop }, name: 'Measured again', owner: { id: core } }],
      ['updateTeam', { team: { id: core }, addContacts: [{ type: 'SLACK', address: '#core' }] }],
    ];
    const writes = async (name: string, input: object): Promise<boolean> => {
      const sent = await statementsOf(api, () => mutate(owner, name, input));
      return sent.some((text) => text.includes('check_results') || text.includes(`${JOB_SCHEMA}.`));
    };
    for (const [name, input] of changes) {
      expect(await writes(name, { ...input, dryRun: true }), name).toBe(false);
      expect(await writes(name, input), name).toBe(true);
    }
  });

  test('shows no changes for principals that the caller cannot see, and none at all without `role:read`', async () => {
    const { ann, team, role } = await startTeams();
    const robot = await createServiceAccount(owner, 'robot', role);
    const id = await team('Mixed', [ann, { memberId: robot }]);
    const dryRun = async (...permissions: string[]): Promise<Json> => {
      const name = crypto.randomUUID();
      const statements = [allow('team:*', 'service:*', ...permissions)];
      const own = await mutate(owner, 'createRole', { name, statements }, 'role { id }');
      const caller = await addMember(api, acme, 'guest', name);
      await mutate(owner, 'updateMember', { id: caller.memberId, roleId: own.role.id });
      return await caller.query(
        'mutation ($input: DeleteTeamInput!) { deleteTeam(input: $input) { errors { code } accessChanges { principal { id } } } }',
        { input: { team: { id }, dryRun: true } },
      );
    };
    const seen = async (...permissions: string[]): Promise<Json> => {
      const { data, errors } = await dryRun(...permissions);
      expect(errors).toBeUndefined();
      return data.deleteTeam.accessChanges.map(({ principal }: Json) => principal.id).sort();
    };
    expect(await seen('role:read', 'member:read', 'service_account:read')).toEqual([ann.memberId, robot].sort());
    expect(await seen('role:read', 'member:read')).toEqual([ann.memberId]);
    expect(await seen('role:read', 'service_account:read')).toEqual([robot]);
    expect(await seen('role:read')).toEqual([]);
    expect(await dryRun('member:read', 'service_account:read')).toMatchObject({
      data: { deleteTeam: { errors: [], accessChanges: null } },
      errors: [{ extensions: { code: 'FORBIDDEN', permission: 'role:read' } }],
    });
  });
});
