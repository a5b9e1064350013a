import { ROLES } from '../../src/access/roles.ts';
import { decodeId } from '../../src/lib/ids.ts';
import type { Rows } from './resource.ts';
import { insertMembers } from './world.ts';

/** Rows of members, service accounts and their roles, which refer to each other. */
const LATER = '2100-01-01T00:00:00Z';
export const READ_IN_PROJECT = ROLES.find((role) => role.scope === 'project' && role.builtIn === 'read')?.id ?? '';

/** A project in which each service account has a different project role. */
export const sharedProject = ({ once, insert }: Rows): Promise<string> =>
  once('shared project', async () => {
    const [id = ''] = await insert('projects', () => ({ key: 'shared', name: 'Shared' }), 1);
    return id;
  });

/** A project in which all members have the same role. */
export const commonProject = ({ once, insert, of }: Rows): Promise<string> =>
  once('common project', async () => {
    const [id = ''] = await insert('projects', () => ({ key: 'common', name: 'Common' }), 1);
    const members = await of('Member');
    await insert('assignments', (at) => ({
      ...{ principal_id: members[at], project_id: id, built_in_role_id: READ_IN_PROJECT },
    }));
    return id;
  });

/** Custom roles, each with a separate policy. */
function customRoles(
  { once, insert, api, organizationUuid }: Rows,
  name: string,
  projectOf: (at: number) => string | null,
) {
  return once(`roles ${name}`, async () => {
    const place = (at: number) => ({ name: `${name} ${at}`, project_id: projectOf(at) });
    const statements = [{ effect: 'ALLOW', permissions: ['*:read'] }];
    const policies = await insert('policies', (at) => ({ ...place(at), statements }));
    const roles = await insert('roles', place);
    const links = roles.map((role, at) => ({
      ...{ organization_id: organizationUuid, role_id: role, policy_id: policies[at] as string },
    }));
    await api.root`insert into role_policies ${api.root(links)}`;
    return { policies, roles };
  });
}

/** A policy that many roles have. */
export const commonPolicy = ({ once, insert, api, organizationUuid }: Rows): Promise<string> =>
  once('common policy', async () => {
    const statements = [{ effect: 'ALLOW', permissions: ['*:read'] }];
    const [id = ''] = await insert('policies', () => ({ name: 'Common', statements }), 1);
    const roles = await insert('roles', (at) => ({ name: `Common ${at}` }));
    const links = roles.map((role) => ({ organization_id: organizationUuid, role_id: role, policy_id: id }));
    await api.root`insert into role_policies ${api.root(links)}`;
    return id;
  });

export const memberRoles = (rows: Rows) => customRoles(rows, 'Member', () => null);
export async function projectPolicies(rows: Rows) {
  const projects = await rows.of('Project');
  return customRoles(rows, 'Own', (at) => projects[at] ?? null);
}

/** Gives each principal an organization role that expires. */
function assign(rows: Rows, principals: string[], custom: string[]): Promise<string[]> {
  const roles = rows.repeat(custom);
  return rows.insert('assignments', (at) => ({
    ...{ principal_id: principals[at], role_id: roles[at], fallback_role_id: roles[at], expires_at: LATER },
  }));
}

export async function memberRows(rows: Rows): Promise<string[]> {
  const users = await rows.of('User');
  const members = await insertMembers(rows.api.root, rows.organizationUuid, users);
  await assign(rows, members, (await memberRoles(rows)).roles);
  return members;
}

export async function accountRows(rows: Rows): Promise<string[]> {
  const accounts = await rows.insert('principals', (at) => ({ name: `Account ${at}` }));
  await assign(rows, accounts, (await customRoles(rows, 'Account', () => null)).roles);
  const shared = await sharedProject(rows);
  const { roles } = await customRoles(rows, 'Shared', () => shared);
  await rows.insert('assignments', (at) => ({
    ...{ principal_id: accounts[at], project_id: shared, role_id: roles[at] },
  }));
  return accounts;
}

export async function projectMemberRows(rows: Rows): Promise<string[]> {
  const [members, projects] = [await rows.of('Member'), await rows.of('Project')];
  const { roles } = await projectPolicies(rows);
  return rows.insert('assignments', (at) => ({
    ...{ principal_id: members[at], project_id: projects[at], role_id: roles[at] },
  }));
}

/** The organization of the rows. */
export const organizationRows = async ({ organization }: Rows): Promise<string[]> => [
  decodeId(organization.id)?.uuid ?? '',
];
