import type { ProjectRole } from '../../src/access/catalog.ts';
import { ROLES } from '../../src/access/roles.ts';
import { toPublicId } from '../../src/lib/ids.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { createOrganization, executeMutation, membersOfEachRole } from '../support/world.ts';

const CREATE_POLICY =
  'mutation ($input: CreatePolicyInput!) { createPolicy(input: $input) { policy { id } errors { code path message } } }';
const CREATE_ROLE =
  'mutation ($input: CreateRoleInput!) { createRole(input: $input) { role { id } errors { code path message } } }';
const CREATE_PROJECT =
  'mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { id } errors { code path message } } }';
const CREATE_PROJECT_MEMBER =
  'mutation ($input: CreateProjectMemberInput!) { createProjectMember(input: $input) { projectMember { id } errors { code path message } } }';
const UPDATE_MEMBER =
  'mutation ($input: UpdateMemberInput!) { updateMember(input: $input) { member { id } errors { code path message } } }';
const CREATE_SERVICE_ACCOUNT =
  'mutation ($input: CreateServiceAccountInput!) { createServiceAccount(input: $input) { serviceAccount { id } errors { code path message } } }';

export interface Statement {
  effect: 'ALLOW' | 'DENY';
  permissions: string[];
  ownedByPrincipal?: boolean;
}

let named = 0;
const nextName = (): string => {
  named += 1;
  // Policies are listed by name: the names have the order of creation, also after other files in the same process.
  return `policy ${String(named).padStart(5, '0')}`;
};

/** Functions that create objects by the API. */
export const createPolicy = async (by: Caller, statements: Statement[], projectId?: string): Promise<string> =>
  (await executeMutation(by, CREATE_POLICY, { input: { name: nextName(), statements, projectId } })).policy.id;

export async function createRole(
  by: Caller,
  name: string,
  statements: Statement[],
  projectId?: string,
): Promise<string> {
  const policyIds = [await createPolicy(by, statements, projectId)];
  return (await executeMutation(by, CREATE_ROLE, { input: { name, policyIds, projectId } })).role.id;
}

export const createProject = async (by: Caller, key: string): Promise<string> =>
  (await executeMutation(by, CREATE_PROJECT, { input: { key, name: key } })).project.id;

export const giveRole = (by: Caller, memberId: string, role: string, more: object = {}): Promise<Json> =>
  executeMutation(by, UPDATE_MEMBER, { input: { id: memberId, roleId: role, ...more } });

export const giveProjectRole = async (
  by: Caller,
  projectId: string,
  principalId: string,
  role: string | null,
): Promise<string> =>
  (await executeMutation(by, CREATE_PROJECT_MEMBER, { input: { projectId, principalId, ...projectRole(role) } }))
    .projectMember.id;

/** The input of a mutation of project members. Null is no access. */
export const projectRole = (role: string | null): object => (role === null ? { noAccess: true } : { roleId: role });

export const createServiceAccount = async (by: Caller, name: string, role: string): Promise<string> =>
  (await executeMutation(by, CREATE_SERVICE_ACCOUNT, { input: { name, roleId: role } })).serviceAccount.id;

export const allow = (...permissions: string[]): Statement => ({ effect: 'ALLOW', permissions });
export const deny = (...permissions: string[]): Statement => ({ effect: 'DENY', permissions });

/** The statement with the condition. */
export const ifOwned = (statement: Statement): Statement => ({ ...statement, ownedByPrincipal: true });

/** Public id of a built-in project role. */
export const projectRoleId = (key: ProjectRole): string =>
  toPublicId('rol', ROLES.find((role) => role.scope === 'project' && role.builtIn === key)?.id ?? '');

export async function startWorld() {
  const api = await startApi();
  const acme = await createOrganization(api, 'acme');
  return { api, acme, people: await membersOfEachRole(api, acme), globex: await createOrganization(api, 'globex') };
}

export { roleId as roleIdOf } from '../support/world.ts';
