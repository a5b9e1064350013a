import { expect, test } from 'vitest';
import { type BuiltInRole, PROJECT_ROLES } from '../../src/access/catalog.ts';
import {
  allow,
  createProject,
  createRole,
  giveProjectRole,
  giveRole,
  projectRoleId,
  startWorld,
} from '../decisions/support.ts';
import type { Caller } from '../support/api.ts';
import { addMember, mutate, type Person, queryData, roleId } from '../support/world.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;
const project = await createProject(owner, 'project');
const END = '2999-01-01T00:00:00.000Z';

type Holder = Person & { pmb: string; role: string | null | undefined };

/** A member with a project role. Null is no access, and undefined is no project role. */
async function memberWith(name: string, organizationRole: BuiltInRole, role?: string | null): Promise<Holder> {
  const person = await addMember(api, acme, organizationRole, name);
  const pmb = role === undefined ? '' : await giveProjectRole(owner, project, person.memberId, role);
  return { ...person, pmb, role };
}

/** Project roles by the name of their holder. */
const targets = {
  'Owner, else Read': await memberWith('a', 'read', projectRoleId('owner')),
  'Member, else Read': await memberWith('b', 'read', projectRoleId('member')),
  'Read, else Read': await memberWith('c', 'read', projectRoleId('read')),
  'Read, else Write': await memberWith('d', 'write', projectRoleId('read')),
  'no access, else Read': await memberWith('e', 'read', null),
  'no access, later Write': await memberWith('f', 'read', null),
};
await giveRole(owner, targets['no access, later Write'].memberId, roleId('read'), {
  ...{ roleExpiresAt: END, fallbackRoleId: roleId('write') },
});

const ONLY_MEMBERS = [allow('project_member:*', 'role:read', 'policy:read')];
const callers = {
  'an Admin': people.admin,
  'an Admin, later Read': await memberWith('temporary', 'admin'),
  'a Manager of the project': await memberWith('manager', 'read', projectRoleId('manager')),
  'somebody with project_member:* only': await memberWith(
    'clerk',
    'read',
    await createRole(owner, 'Clerk', ONLY_MEMBERS, project),
  ),
};
await giveRole(owner, callers['an Admin, later Read'].memberId, roleId('admin'), {
  ...{ roleExpiresAt: END, fallbackRoleId: roleId('read') },
});

const permissionsOn = async (caller: Caller, id: string): Promise<string[]> =>
  (
    await queryData(caller, 'query ($id: ID!) { node(id: $id) { ... on ProjectMember { viewerPermissions } } }', { id })
  ).node.viewerPermissions.map((name: string) => name.replace('project_member:', ''));

const refusalOf = async (caller: Caller, mutation: string, input: object): Promise<string | undefined> =>
  (await mutate(caller, mutation, { ...input, dryRun: true })).refused;

test.each(Object.entries(callers))(
  '%s may do what viewerPermissions list, and gets NOT_HELD for the rest',
  async (_, caller) => {
    for (const [target, { pmb: id, role: current }] of Object.entries(targets)) {
      const names = await permissionsOn(caller, id);
      const expected = (verb: string) => (names.includes(verb) ? undefined : 'NOT_HELD');
      expect(await refusalOf(caller, 'deleteProjectMember', { id }), target).toBe(expected('delete'));
      expect(await refusalOf(caller, 'updateProjectMember', { id, noAccess: true }), target).toBe(expected('update'));
      if (names.includes('update')) continue;
      // Somebody whose own role expires can assign the same role again, which changes nothing.
      for (const role of PROJECT_ROLES.map(projectRoleId).filter((each) => each !== current))
        expect(await refusalOf(caller, 'updateProjectMember', { id, roleId: role }), target).toBe('NOT_HELD');
    }
  },
);

test('viewerPermissions of a project role depend on what the caller holds in the project, now and later', async () => {
  const found: Record<string, string[]> = {};
  for (const [name, caller] of Object.entries(callers))
    found[name] = await Promise.all(
      Object.values(targets).map(async ({ pmb }) => (await permissionsOn(caller, pmb)).join(' ')),
    );
  const [all, update, none] = ['read update delete', 'read update', 'read'];
  expect(Object.keys(targets)).toEqual([
    ...['Owner, else Read', 'Member, else Read', 'Read, else Read'],
    ...['Read, else Write', 'no access, else Read', 'no access, later Write'],
  ]);
  expect(found).toEqual({
    'an Admin': [all, all, all, all, all, all],
    'an Admin, later Read': [none, none, all, update, all, update],
    'a Manager of the project': [none, all, all, all, all, all],
    'somebody with project_member:* only': [none, none, none, none, update, update],
  });
});
