import { ROLES } from '../../src/access/roles.ts';
import { type IdPrefix, newId, toPublicId } from '../../src/lib/ids.ts';
import type { Api, Json } from '../support/api.ts';
import { found, type Person } from '../support/world.ts';

export interface Crowd {
  owner: Person;
  /** Public ids of rows that are nodes, by what they are. */
  ids: Record<string, string[]>;
  /** Where as many have a project role, each another one, as there are of everything. */
  project: string;
  /** A role that all members have in a project. */
  role: string;
}

const LATER = '2100-01-01T00:00:00Z';
const PROJECT_READ = ROLES.find((role) => role.scope === 'project' && role.builtIn === 'read')?.id ?? '';

/** Makes as many rows as `row` is asked for, and gives their ids. */
type Make = (table: string, row: (at: number) => object, count?: number) => Promise<string[]>;

/**
 * An organization with so many of everything, put in place behind the walls. No two rows of a kind refer to the same
 * row, so what is read for one of them tells nothing about the next.
 */
export async function crowd(api: Api, slug: string, size: number): Promise<Crowd> {
  const { owner, id } = await found(api, slug);
  const [own] = await api.root`update organizations set plan = 'ENTERPRISE' where slug = ${slug} returning id`;
  const make: Make = async (table, row, count = size) => {
    const common = table === 'users' ? {} : { organization_id: own?.['id'] };
    const made = Array.from({ length: count }, (_, at) => ({ id: newId(), ...common, ...row(at) }));
    await api.root`insert into ${api.root(table)} ${api.root(made as Json)}`;
    return made.map((each) => each.id);
  };
  const linked = async (roles: string[], policies: string[]) => {
    const rows = roles.map((role, at) => ({ organization_id: own?.['id'], role_id: role, policy_id: policies[at] }));
    await api.root`insert into role_policies ${api.root(rows as Json)}`;
  };

  const projects = await make('projects', (at) => ({ key: `own-${at}`, name: `Own ${at}` }));
  const [shared = '', common = ''] = await make('projects', (at) => ({ key: `all-${at}`, name: `All ${at}` }), 2);
  const rolesFor = async (whom: string, projectOf: (at: number) => string | null | undefined) => {
    const place = (at: number) => ({ name: `${whom} ${at}`, project_id: projectOf(at) ?? null });
    const statements = api.root.json([{ effect: 'ALLOW', permissions: ['*:read'] }]);
    const policies = await make('policies', (at) => ({ ...place(at), statements }));
    const roles = await make('roles', place);
    await linked(roles, policies);
    return { policies, roles };
  };
  const forMembers = await rolesFor('Member', () => null);
  const forAccounts = await rolesFor('Account', () => null);
  const inOwn = await rolesFor('Own', (at) => projects[at]);
  const inShared = await rolesFor('Shared', () => shared);

  const users = await make('users', (at) => ({ name: `User ${at}`, email: `${at}@${slug}.test`, password_hash: '' }));
  const members = await make('principals', (at) => ({ user_id: users[at] }));
  const accounts = await make('principals', (at) => ({ name: `Account ${at}` }));
  const given = (principals: string[], roles: string[]) =>
    make('assignments', (at) => ({
      ...{ principal_id: principals[at], role_id: roles[at], fallback_role_id: roles[at], expires_at: LATER },
    }));
  await given(members, forMembers.roles);
  await given(accounts, forAccounts.roles);
  const inProject = (
    principals: string[],
    projectOf: (at: number) => string | undefined,
    role: (at: number) => object,
  ) => make('assignments', (at) => ({ principal_id: principals[at], project_id: projectOf(at), ...role(at) }));
  const projectMembers = await inProject(
    members,
    (at) => projects[at],
    (at) => ({ role_id: inOwn.roles[at] }),
  );
  await inProject(
    accounts,
    () => shared,
    (at) => ({ role_id: inShared.roles[at] }),
  );
  await inProject(
    members,
    () => common,
    () => ({ built_in_role_id: PROJECT_READ }),
  );

  const categories = await make('categories', (at) => ({ name: `Number ${at}` }));
  // Those that every organization starts with come first.
  const levels = await make('levels', (at) => ({ name: `Number ${at}`, index: at + 100 }));
  const checks = await make('checks', (at) => ({
    name: `Check ${at}`,
    type: 'MANUAL',
    category_id: categories[at],
    level_id: levels[at],
    owner_id: members[at],
    enabled: true,
  }));
  const invitations = await make('invitations', (at) => ({
    email: `guest-${at}@${slug}.test`,
    hash: newId(),
    inviter_id: members[at],
    role_id: forMembers.roles[at],
    project_roles: api.root.json([{ projectId: projects[at] as string, roleId: inOwn.roles[at] as string }]),
    expires_at: LATER,
  }));
  const token = { name: 'A token', access: 'READ' };
  const tokens = await make('api_tokens', (at) => ({ ...token, hash: newId(), principal_id: members[at] }));
  await make('api_tokens', (at) => ({ ...token, hash: newId(), principal_id: accounts[at] }));
  const sessions = await make('sessions', (at) => ({ user_id: users[at], address: 'here', expires_at: LATER }));
  const events = await make('audit_events', (at) => ({
    ...{ action: 'none', outcome: 'ALLOWED', actor: `${at}@${slug}.test`, user_id: users[at], target_id: `none ${at}` },
    ...{ credential_kind: 'NONE', request_id: `${at}`, address: 'here' },
  }));

  const named = (prefix: IdPrefix, uuids: string[]): string[] => uuids.map((uuid) => toPublicId(prefix, uuid));
  const rubrics = await api.root`select id from rubrics where organization_id = ${own?.['id']}`;
  return {
    owner,
    project: toPublicId('prj', shared),
    role: toPublicId('rol', PROJECT_READ),
    ids: {
      Organization: [id],
      User: named('usr', users),
      Member: named('mem', members),
      ServiceAccount: named('sva', accounts),
      Project: named('prj', projects),
      ProjectMember: named('pmb', projectMembers),
      Policy: named('pol', inOwn.policies),
      Role: named('rol', inOwn.roles),
      Invitation: named('inv', invitations),
      Session: named('ses', sessions),
      ApiToken: named('tok', tokens),
      AuditEvent: named('evt', events),
      Rubric: rubrics.map((row) => toPublicId('rub', row['id'])),
      Category: named('cat', categories),
      Level: named('lvl', levels),
      Check: named('chk', checks),
    },
  };
}
