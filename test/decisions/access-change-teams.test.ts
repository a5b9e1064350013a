import { expect, test } from 'vitest';
import { addMember, mutate } from '../support/world.ts';
import { allow, ifOwned, startWorld } from './support.ts';

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
