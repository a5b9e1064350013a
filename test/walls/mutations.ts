import { expect } from 'vitest';
import { allow, createPolicy, createProject, giveProjectRole, projectRoleId } from '../decisions/support.ts';
import type { Api, Json } from '../support/api.ts';
import {
  ask,
  checkOf,
  done,
  found,
  join,
  type Organization,
  PASSWORD,
  type Person,
  type Rubric,
  roleId,
  signIn,
} from '../support/world.ts';
import { made, organizationUuid, secretFor, unknownId } from './support.ts';

const CREATE_TOKEN = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { apiToken { id } errors { code } } }`;

export interface Case {
  input: Json;
  /** The Owner of acme unless told. */
  caller?: Person;
  /** Where the caller is bound to; acme unless told. */
  home?: Organization;
  /** What the event says that others do not. */
  event?: Json;
}

/** For every mutation an input that is right and one that is wrong. */
export async function casesOf(api: Api, acme: Organization, rubric: Rubric) {
  const used = await checkOf(acme.owner, rubric);
  const { owner } = acme;
  const [categoryId, levelId] = [rubric.categories['Security'], rubric.levels['Bronze']];
  let counter = 0;
  const fresh = (what: string): string => {
    counter += 1;
    return `${what}-${counter}`;
  };
  const created = (name: string, input: object, result: string): Promise<string> => made(owner, name, input, result);
  const newCategory = () => created('createCategory', { name: fresh('Category') }, 'category');
  const newLevel = () => created('createLevel', { name: fresh('Level') }, 'level');
  const newMember = async () => (await join(api, acme, 'user', fresh('user'))).memberId;
  const newProject = () => createProject(owner, fresh('project'));
  const newPolicy = () => createPolicy(owner, [allow('dataset:read')]);
  const newRole = async () => created('createRole', { name: fresh('Role'), policyIds: [await newPolicy()] }, 'role');
  const newServiceAccount = () =>
    created('createServiceAccount', { name: fresh('Robot'), roleId: roleId('user') }, 'serviceAccount');
  const newProjectMember = async () =>
    giveProjectRole(owner, await newProject(), await newMember(), projectRoleId('member'));
  const newInvitation = (email: string) =>
    created('createInvitations', { emails: [email], roleId: roleId('user') }, 'invitations');
  /** Somebody who is the Owner of another organization, and invited here. */
  const newGuest = async () => {
    const home = await found(api, fresh('guest'));
    await newInvitation(home.owner.email);
    return { home, caller: home.owner, input: { secret: secretFor(api, home.owner.email) } };
  };
  const newToken = async () => (await done(owner, CREATE_TOKEN, { input: { name: 'Token' } })).apiToken.id;

  /** What succeeds, each time it is made. A new mutation of the schema needs its line here and in `wrong`. */
  const right: Record<string, () => Promise<Case>> = {
    // In the log of the organization that they have joined, as who they are there.
    acceptInvitation: async () => ({
      ...(await newGuest()),
      event: { organization_id: organizationUuid(acme), role: 'User', target_id: expect.stringMatching(/^mem_/) },
    }),
    createApiToken: async () => ({ input: { name: 'Token', access: 'WRITE' } }),
    createCategory: async () => ({ input: { name: fresh('Category') } }),
    createCheck: async () => ({ input: { name: 'Check', categoryId, levelId, ownerId: owner.memberId } }),
    createInvitations: async () => ({ input: { emails: [`${fresh('new')}@acme.test`], roleId: roleId('user') } }),
    createLevel: async () => ({ input: { name: fresh('Level'), index: 0 } }),
    createOrganization: async () => ({ input: { name: 'Other', slug: fresh('other') } }),
    createPolicy: async () => ({ input: { name: fresh('Policy'), statements: [allow('dataset:*')] } }),
    createProject: async () => ({ input: { key: fresh('project'), name: 'Project' } }),
    createProjectMember: async () => ({
      input: { projectId: await newProject(), principalId: await newMember(), roleId: projectRoleId('member') },
    }),
    createRole: async () => ({ input: { name: fresh('Role'), policyIds: [await newPolicy()] } }),
    createServiceAccount: async () => ({ input: { name: fresh('Robot'), roleId: roleId('user') } }),
    // In the log of the organization that is declined, which learns nothing of who they are elsewhere.
    declineInvitation: async () => ({
      ...(await newGuest()),
      event: { organization_id: organizationUuid(acme), role: null, target_id: expect.stringMatching(/^inv_/) },
    }),
    deleteApiToken: async () => ({ input: { id: await newToken() } }),
    deleteCategory: async () => ({ input: { id: await newCategory() } }),
    deleteCheck: async () => ({ input: { id: await checkOf(owner, rubric) } }),
    deleteInvitation: async () => ({ input: { id: await newInvitation(`${fresh('new')}@acme.test`) } }),
    deleteLevel: async () => ({ input: { id: await newLevel() } }),
    deleteMember: async () => ({ input: { id: await newMember() } }),
    deleteOrganization: async () => {
      const doomed = await found(api, fresh('doomed'));
      return { caller: doomed.owner, home: doomed, input: { id: doomed.id, slug: doomed.slug } };
    },
    deletePolicy: async () => ({ input: { id: await newPolicy() } }),
    deleteProject: async () => {
      const key = fresh('doomed');
      return { input: { id: await createProject(owner, key), key } };
    },
    deleteProjectMember: async () => ({ input: { id: await newProjectMember() } }),
    deleteRole: async () => ({ input: { id: await newRole() } }),
    deleteServiceAccount: async () => ({ input: { id: await newServiceAccount() } }),
    leaveOrganization: async () => {
      const caller = await join(api, acme, 'user', fresh('leaver'));
      return { caller, input: {}, event: { role: 'User', target_id: caller.memberId, after: null } };
    },
    refreshSession: async () => ({ input: { refreshToken: (await signIn(api, owner.email)).refreshToken } }),
    resendInvitation: async () => ({ input: { id: await newInvitation(`${fresh('new')}@acme.test`) } }),
    signIn: async () => ({ input: { email: owner.email, password: PASSWORD } }),
    signOut: async () => ({ caller: await signIn(api, owner.email), input: {} }),
    signOutMember: async () => ({ input: { memberId: await newMember() } }),
    signUp: async () => ({ input: { email: `${fresh('new')}@acme.test`, password: PASSWORD, name: 'New' } }),
    switchOrganization: async () => ({ caller: await signIn(api, owner.email), input: { organizationId: acme.id } }),
    transferOwnership: async () => {
      const home = await found(api, fresh('estate'));
      return { home, caller: home.owner, input: { memberId: (await join(api, home, 'user', 'heir')).memberId } };
    },
    updateCategory: async () => ({ input: { id: await newCategory(), name: fresh('Renamed') } }),
    updateCheck: async () => ({
      input: { id: await checkOf(owner, rubric), name: 'Renamed', ownerId: owner.memberId },
    }),
    updateLevel: async () => ({ input: { id: await newLevel(), name: fresh('Renamed'), index: 0 } }),
    updateMember: async () => ({ input: { id: await newMember(), roleId: roleId('write') } }),
    updateOrganization: async () => ({ input: { id: acme.id, name: fresh('Renamed') } }),
    updatePlan: async () => {
      const { plan } = await ask(owner, '{ plan { name } }');
      return { input: { plan: plan.name === 'TEAM' ? 'ENTERPRISE' : 'TEAM' }, event: { target_id: acme.id } };
    },
    updatePolicy: async () => ({ input: { id: await newPolicy(), name: fresh('Renamed') } }),
    updateProject: async () => ({ input: { id: await newProject(), name: fresh('Renamed') } }),
    updateProjectMember: async () => ({ input: { id: await newProjectMember(), noAccess: true } }),
    updateRole: async () => ({ input: { id: await newRole(), name: fresh('Renamed') } }),
    updateRubric: async () => ({ input: { name: fresh('Renamed') } }),
    updateServiceAccount: async () => ({
      input: { id: await newServiceAccount(), name: fresh('Renamed'), roleId: roleId('read') },
    }),
  };

  const [projectId, policyId, robotId] = [await newProject(), await newPolicy(), await newServiceAccount()];
  const customRoleId = await created('createRole', { name: 'In use', policyIds: [policyId] }, 'role');
  const projectMemberId = await giveProjectRole(owner, projectId, robotId, customRoleId);

  /** What is wrong with an input, the codes that say so, and what it is about unless that is its id; null where an input can be wrong in its id only. */
  const wrong: Record<string, [input: Json, codes: string, target?: string] | null> = {
    acceptInvitation: [{ secret: 'made up' }, 'NOT_FOUND'],
    createApiToken: [{ name: '', expiresAt: '2001-01-01T00:00:00Z' }, 'TOO_SHORT'],
    createCategory: [{ name: 'security' }, 'TAKEN'],
    createCheck: [{ name: '', categoryId: unknownId('lvl'), levelId }, 'TOO_SHORT NOT_FOUND'],
    createInvitations: [{ emails: [owner.email], roleId: roleId('user') }, 'TAKEN'],
    createLevel: [{ name: 'Far', index: 99 }, 'INVALID'],
    createOrganization: [{ name: 'Acme', slug: 'acme' }, 'TAKEN'],
    createPolicy: [{ name: '', statements: [allow('dataset:*')] }, 'TOO_SHORT'],
    createProject: [{ key: 'not a key', name: '' }, 'INVALID TOO_SHORT'],
    createProjectMember: [{ projectId, principalId: unknownId('mem'), noAccess: true }, 'NOT_FOUND'],
    createRole: [{ name: 'owner', policyIds: [policyId] }, 'TAKEN'],
    createServiceAccount: [{ name: 'Robot', roleId: projectRoleId('member') }, 'INVALID'],
    declineInvitation: [{ secret: 'made up' }, 'NOT_FOUND'],
    deleteApiToken: null,
    deleteCategory: [{ id: categoryId }, 'IN_USE'],
    deleteCheck: null,
    deleteInvitation: null,
    deleteLevel: [{ id: levelId }, 'IN_USE'],
    deleteMember: [{ id: owner.memberId }, 'LAST_OWNER'],
    deleteOrganization: [{ id: acme.id, slug: 'globex' }, 'MISMATCH'],
    deletePolicy: [{ id: policyId }, 'IN_USE'],
    deleteProject: [{ id: projectId, key: 'another' }, 'MISMATCH'],
    deleteProjectMember: null,
    deleteRole: [{ id: customRoleId }, 'IN_USE'],
    deleteServiceAccount: null,
    leaveOrganization: [{}, 'LAST_OWNER', owner.memberId],
    refreshSession: [{ refreshToken: 'made up' }, 'WRONG_CREDENTIALS'],
    resendInvitation: null,
    signIn: [{ email: owner.email, password: 'wrong' }, 'WRONG_CREDENTIALS'],
    signOut: null,
    signOutMember: null,
    signUp: [{ email: owner.email, password: PASSWORD, name: 'Again' }, 'TAKEN'],
    switchOrganization: [{ organizationId: unknownId('org') }, 'NOT_FOUND'],
    transferOwnership: [{ memberId: owner.memberId }, 'INVALID', owner.memberId],
    updateCategory: [{ id: categoryId, name: null }, 'REQUIRED'],
    updateCheck: [{ id: used, categoryId: unknownId('cat') }, 'NOT_FOUND'],
    updateLevel: [{ id: levelId, index: -1 }, 'INVALID'],
    updateMember: [{ id: owner.memberId, roleId: roleId('read') }, 'LAST_OWNER'],
    updateOrganization: [{ id: acme.id, slug: 'Not a slug' }, 'INVALID'],
    updatePlan: null,
    updatePolicy: [{ id: policyId, statements: [allow('datasets:*')] }, 'INVALID'],
    updateProject: [{ id: projectId, key: null }, 'REQUIRED'],
    updateProjectMember: [{ id: projectMemberId, roleId: roleId('read') }, 'INVALID'],
    updateRole: [{ id: customRoleId, policyIds: [] }, 'TOO_SHORT'],
    updateRubric: [{ name: 'x'.repeat(101) }, 'TOO_LONG'],
    updateServiceAccount: [{ id: robotId, roleId: null }, 'REQUIRED'],
  };

  return { right, wrong };
}
