import { SERVICE_PERMISSIONS } from '../../access/ownership.ts';
import type { Context } from '../../context.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { textCost } from '../../graphql/cost.ts';
import { byId, findBy } from '../../graphql/find-by.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { costOfList, searchFilter } from '../../graphql/search.ts';
import { permissionsField } from '../../graphql/viewer-permissions.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { limitText } from '../../lib/limits.ts';
import { Policy, PolicyStatement, PolicyStatementInput } from '../policy/graphql.ts';
import { canReadRole, isSuspended } from '../principal/access.ts';
import { Principal } from '../principal/graphql.ts';
import { Project } from '../project/ref.ts';
import { findProject, projectOf } from '../project/service.ts';
import { createRole, updateRole } from './change.ts';
import { deleteRole } from './delete.ts';
import { listHolders } from './holders.ts';
import { RoleType } from './ref.ts';
import {
  compiledRole,
  findPoliciesOf,
  findRole,
  findRoleByName,
  findStatementsOf,
  getCustomRole,
  getRole,
  listRoles,
  listRolesOfProject,
  listRolesWith,
  permissionsOnRole,
} from './service.ts';

/** The condition of a statement has an effect on these permissions only. */
const CONDITIONAL_COST = 1 + SERVICE_PERMISSIONS.length;

const RoleScope = builder.enumType('RoleScope', {
  description: 'Where a role can be assigned.',
  values: {
    ORGANIZATION: { value: 'organization', description: 'In the organization.' },
    PROJECT: { value: 'project', description: 'In a project.' },
    BOTH: { value: 'both', description: 'In the organization and in a project.' },
  } as const,
});

builder.node(RoleType, {
  description:
    'A set of permissions that is assigned to members and service accounts. Built-in roles cannot be changed. Custom roles consist of statements of their own and of policies.',
  permission: 'role:read',
  on: (role) => role.projectId,
  own: (role, ctx) => role.id === ctx.unit.actor.grants?.role.id || canReadRole(ctx, role),
  id: { resolve: (role) => role.id },
  loadWithoutCache: (id, ctx) => findRole(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'The name of the role. Unique in the organization or project, case-insensitive.',
    }),
    description: t.exposeString('description', {
      complexity: textCost(2_000),
      nullable: true,
      description: 'What the role is intended for. Null if there is none.',
    }),
    builtIn: t.boolean({
      description: 'Whether the role is built in. Otherwise it is a custom role.',
      resolve: (role) => role.builtIn !== null,
    }),
    scope: t.field({
      type: RoleScope,
      description: 'Where the role can be assigned.',
      resolve: (role) => role.scope,
    }),
    project: t.field({
      type: Project,
      nullable: true,
      description: 'The project that the role belongs to. Null for a built-in role and for a role of the organization.',
      resolve: (role, _args, ctx) => (role.projectId ? findProject(ctx, role.projectId) : null),
    }),
    permissions: t.field({
      type: ['Permission'],
      description:
        'The permissions that the role grants. Permissions that a statement or a policy of the role denies are not included.',
      resolve: async (role, _args, ctx) => [...(await compiledRole(ctx, role)).allow],
    }),
    denied: t.field({
      type: ['Permission'],
      description: 'The permissions that the statements and policies of the role deny.',
      resolve: async (role, _args, ctx) => [...(await compiledRole(ctx, role)).deny.keys()],
    }),
    permissionsIfOwned: t.field({
      complexity: CONDITIONAL_COST,
      type: ['Permission'],
      description:
        'The permissions that the role grants only on services of teams to which its holder belongs, in addition to `permissions`. They come from statements with `ownedByPrincipal`.',
      resolve: async (role, _args, ctx) => [...(await compiledRole(ctx, role)).allowIfOwned],
    }),
    deniedIfOwned: t.field({
      complexity: CONDITIONAL_COST,
      type: ['Permission'],
      description:
        'The permissions that the role denies only on services of teams to which its holder belongs, in addition to `denied`.',
      resolve: async (role, _args, ctx) => [...(await compiledRole(ctx, role)).denyIfOwned.keys()],
    }),
    statements: t.field({
      type: [PolicyStatement],
      nullable: true,
      permission: 'policy:read',
      on: (role) => role.projectId,
      description: 'The statements of the role itself, in addition to its policies. Empty for a built-in role.',
      resolve: (role, _args, ctx) => findStatementsOf(ctx, role),
    }),
    policies: t.field({
      type: [Policy],
      nullable: true,
      permission: 'policy:read',
      on: (role) => role.projectId,
      description:
        'The policies of the role that are visible to the caller, ordered by name. Empty for a built-in role.',
      resolve: (role, _args, ctx) => findPoliciesOf(ctx, role),
    }),
    suspended: t.boolean({
      description:
        'Whether the plan of the organization suspends the role. True for every custom role while the plan does not include `customRoles`. A suspended role grants only permissions that the built-in role Read grants as well. Its denials stay in force.',
      resolve: (role, _args, ctx) => isSuspended(ctx, role),
    }),
    members: t.connection(
      {
        type: Principal,
        nullable: true,
        permission: 'member:read',
        description:
          'The members and service accounts that have the role, in the organization or in a project that is visible to the caller.',
        resolve: (role, args, ctx) => listHolders(ctx, role, args),
      },
      connectionOf(Principal),
    ),
    viewerPermissions: t.field({
      ...permissionsField('role'),
      description:
        'The permissions that the caller has on this role: those of its type, except `create`. Without `role:update` and `role:delete` for a built-in role and for a role that grants permissions that the caller does not have. Without `role:update` if the role is suspended.',
      resolve: (role, _args, ctx) => permissionsOnRole(ctx, role),
    }),
  }),
});

builder.objectField(Project, 'roles', (t) =>
  t.connection(
    {
      type: RoleType,
      nullable: true,
      permission: 'role:read',
      on: (project) => project.id,
      description: 'The roles of the project: first the built-in project roles, then its custom roles ordered by name.',
      resolve: (project, args, ctx) => listRolesOfProject(ctx, project.id, args),
    },
    connectionOf(RoleType),
  ),
);

builder.objectField(Policy, 'roles', (t) =>
  t.connection(
    {
      type: RoleType,
      nullable: true,
      description:
        'The roles that have the policy and are visible to the caller, ordered by name. Null if an argument is invalid.',
      resolve: (policy, args, ctx) => listRolesWith(ctx, policy, args),
    },
    connectionOf(RoleType),
  ),
);

/** The project of the role that is asked for. Null for the organization, also if there is no such role. */
async function scopeOf(
  ctx: Context,
  { id, projectId }: { id?: string | null | undefined; projectId?: string | null | undefined },
): Promise<string | null> {
  if (id == null) return await projectOf(ctx, projectId);
  const uuid = fromPublicId('rol', id);
  return (uuid && (await findRole(ctx, uuid))?.projectId) || null;
}

builder.queryField('role', (t) =>
  t.field({
    type: RoleType,
    nullable: true,
    permission: 'role:read',
    on: (_root, args, ctx) => scopeOf(ctx, args),
    description:
      'The role with this ID or name. Null if it does not exist or is not visible to the caller. Returns BAD_REQUEST unless exactly one of the two is given.',
    args: {
      id: t.arg.id({ description: 'The ID of the role.' }),
      name: t.arg.string({ description: 'The name of the role. Case-insensitive.' }),
      projectId: t.arg.id({
        visibleWith: 'project:read',
        description:
          'The ID of a project, to find a role of the project by its name. Defaults to the organization. Not used with `id`.',
      }),
    },
    resolve: (_root, args, ctx) =>
      findBy(args, {
        id: byId('rol', (id) => findRole(ctx, id)),
        name: async (name) => findRoleByName(ctx, await projectOf(ctx, args.projectId), name),
      }),
  }),
);

const RoleFilter = searchFilter('Role', 'roles', ['name']);

builder.queryField('roles', (t) =>
  t.connection(
    {
      type: RoleType,
      nullable: true,
      complexity: (args) => costOfList(args),
      permission: 'role:read',
      on: (_root, args, ctx) => projectOf(ctx, args.projectId),
      description:
        'The roles that belong to the organization or to a project: first the built-in roles, then the custom roles ordered by name. With `assignable`, the roles that can be assigned there.',
      args: {
        filter: t.arg({ type: RoleFilter, description: 'Which roles to list. Defaults to all.' }),
        projectId: t.arg.id({
          visibleWith: 'project:read',
          description: 'The ID of a project. Defaults to the organization.',
        }),
        assignable: t.arg.boolean({
          description:
            'If true, lists exactly the roles that can be assigned in the project, or, without `projectId`, in the organization. In a project these are the built-in project roles, the custom roles of the project and, if the caller has `role:read` on the organization, the custom roles of the organization. In the organization these are the built-in organization roles and the custom roles of the organization. Defaults to false.',
        }),
      },
      resolve: async (_root, { projectId, assignable, ...args }, ctx) =>
        listRoles(ctx, { ...args, projectId: await projectOf(ctx, projectId), assignable: assignable ?? false }),
    },
    connectionOf(RoleType),
  ),
);

const NAME =
  'The name, 1 to 100 characters. Unique in the organization or project, case-insensitive. It must not look like the name of a built-in role.';
const DESCRIPTION = 'What the role is intended for, 1 to 2,000 characters.';
const POLICIES = `The IDs of policies, at most ${limitText('policiesPerRole')}. A role of a project can have policies of the organization and of the project.`;
const STATEMENTS = `Statements of the role itself, at most ${limitText('statementsPerPolicy')}. The role and its policies have at most ${limitText('patternsPerRole')} permissions and patterns in total.`;
const EXCEEDED = 'LIMIT_EXCEEDED if the role would exceed a limit';

mutation('createRole', {
  rateLimit: 'roles',
  permission: 'role:create',
  description: `Creates a custom role from statements, policies and a role to copy. At least one of the three is required. Returns PLAN_REQUIRED if the plan has no custom roles, NOT_HELD if the role would grant permissions that the caller does not have, and ${EXCEEDED} or the organization and its projects already have ${limitText('roles')} custom roles.`,
  input: (t) => ({
    projectId: t.id({
      visibleWith: 'project:read',
      description: 'The ID of the project that the role belongs to. Defaults to the organization.',
    }),
    name: t.string({ required: true, description: NAME }),
    description: t.string({ description: DESCRIPTION }),
    statements: t.field({ type: [PolicyStatementInput], description: STATEMENTS }),
    policyIds: t.idList({ visibleWith: 'policy:read', description: POLICIES }),
    copyOf: t.id({
      visibleWith: 'role:read',
      description:
        'The ID of a role to start from. The new role gets the permissions of a built-in role as a statement, or the statements and policies of a custom role. Later changes to that role do not change the new one, but changes to a shared policy change both. In a role of a project, permissions of level ORGANIZATION of a built-in role are left out. Copying statements or policies requires `policy:read` on them.',
    }),
  }),
  on: (input, ctx) => projectOf(ctx, input.projectId),
  results: { role: { type: RoleType, description: 'The new role.' } },
  resolve: async ({ projectId, ...input }, ctx) => ({
    role: await createRole(ctx, await projectOf(ctx, projectId), input),
  }),
});

mutation('updateRole', {
  permission: 'role:update',
  description: `Updates a custom role, and with it the access of everybody who has the role. Omitted fields are unchanged. Returns NOT_HELD if the role grants, before or after the update, permissions that the caller does not have, or if somebody would gain or lose such permissions. Returns PLAN_REQUIRED if the plan has no custom roles, and ${EXCEEDED}.`,
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'role:read', description: 'The ID of the role.' }),
    name: t.string({ description: `${NAME} Cannot be null.` }),
    description: t.string({ description: `${DESCRIPTION} Null clears it.` }),
    statements: t.field({
      type: [PolicyStatementInput],
      description: `${STATEMENTS} Replaces the current list. Null clears it, as does an empty list. At least one statement or policy must remain.`,
    }),
    policyIds: t.idList({
      visibleWith: 'policy:read',
      description: `${POLICIES} Replaces the current list. Null clears it, as does an empty list. At least one statement or policy must remain.`,
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getRole(ctx, input.id)).projectId,
  results: { role: { type: RoleType, description: 'The updated role.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'role', await updateRole(ctx, await getCustomRole(ctx, id), input)),
});

mutation('deleteRole', {
  permission: 'role:delete',
  description:
    'Deletes a custom role. If a member or service account has the role, returns IN_USE and lists them, unless `reassignTo` is given. Returns NOT_HELD if the role grants permissions that the caller does not have, or if somebody would gain or lose such permissions.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'role:read', description: 'The ID of the role.' }),
    reassignTo: t.id({
      visibleWith: 'role:read',
      description:
        'The ID of the role that members and service accounts get instead. By default a role in use is not deleted.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getRole(ctx, input.id)).projectId,
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteRole(ctx, await getCustomRole(ctx, id), input)),
});
