import type { Permission } from '../../access/catalog.ts';
import type { Role } from '../../access/model.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { aboutOne, viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { Policy } from '../policy/graphql.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../principal/access-change-graphql.ts';
import { Principal } from '../principal/graphql.ts';
import { Project } from '../project/ref.ts';
import { findProject, projectOf } from '../project/service.ts';
import { RoleType } from './ref.ts';
import {
  createRole,
  deleteRole,
  findPoliciesOf,
  findRole,
  getCustomRole,
  getRole,
  listHolders,
  listRoles,
  updateRole,
} from './service.ts';

const RoleScope = builder.enumType('RoleScope', {
  description: 'What a role can be given for.',
  values: {
    ORGANIZATION: { value: 'organization', description: 'For the organization.' },
    PROJECT: { value: 'project', description: 'For a project.' },
    EITHER: { value: 'either', description: 'For the organization or for a project.' },
  } as const,
});

/** Nobody changes or deletes a built-in role, whatever they hold. */
const FOR_BUILT_IN: readonly Permission[] = ['role:read', 'role:assign'];

/** Nobody gives an organization role that grants what they do not hold; a project role depends on the project. */
const mayGive = (role: Role, ctx: Context): boolean =>
  role.scope === 'project' || [...role.allow].every((permission) => ctx.unit.access.can(permission));

builder.node(RoleType, {
  description:
    'What a principal may do. Built-in roles are the same everywhere and cannot be changed; custom ones are made of policies.',
  permission: 'role:read',
  on: (role) => role.projectId,
  own: (role, ctx) => role.id === ctx.unit.actor.grants?.role.id,
  id: { resolve: (role) => role.id },
  loadWithoutCache: (id, ctx) => findRole(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    description: t.exposeString('description', { nullable: true, description: 'Whom it is for.' }),
    builtIn: t.boolean({ description: 'Whether it is part of Ambit.', resolve: (role) => role.builtIn !== null }),
    scope: t.field({ type: RoleScope, description: 'What it can be given for.', resolve: (role) => role.scope }),
    project: t.field({
      type: Project,
      nullable: true,
      description: 'The project that it belongs to; null for one of the organization.',
      resolve: (role, _args, ctx) => (role.projectId ? findProject(ctx, role.projectId) : null),
    }),
    permissions: t.field({
      type: ['Permission'],
      description: 'Everything that it grants; what a policy of it denies is not among it.',
      resolve: (role) => [...role.allow],
    }),
    denied: t.field({
      type: ['Permission'],
      description: 'Everything that its policies deny.',
      resolve: (role) => [...role.deny.keys()],
    }),
    policies: t.field({
      type: [Policy],
      nullable: true,
      description: 'What it is made of, by name; empty for a built-in role.',
      resolve: (role, _args, ctx) => findPoliciesOf(ctx, role),
    }),
    members: t.connection(
      {
        type: Principal,
        nullable: true,
        permission: 'member:read',
        description:
          'The members and service accounts that have it, in the organization or in a project that the caller can read.',
        resolve: (role, args, ctx) => listHolders(ctx, role, args),
      },
      connectionOf(Principal),
    ),
    viewerPermissions: t.field({
      ...viewerPermissions<Role>('role'),
      resolve: (role, _args, ctx) =>
        (role.builtIn === null ? aboutOne('role') : FOR_BUILT_IN).filter(
          (name) => ctx.unit.access.can(name, role.projectId) && (name !== 'role:assign' || mayGive(role, ctx)),
        ),
    }),
  }),
});

builder.queryField('roles', (t) =>
  t.connection(
    {
      type: RoleType,
      nullable: true,
      permission: 'role:read',
      on: (_root, args, ctx) => projectOf(ctx, args.projectId),
      description:
        'The roles of the organization, or with `projectId` those of the project: built-in ones first, then custom ones by name.',
      args: { projectId: t.arg.id({ visibleWith: 'project:read', description: 'Roles of this project.' }) },
      resolve: async (_root, { projectId, ...args }, ctx) => listRoles(ctx, await projectOf(ctx, projectId), args),
    },
    connectionOf(RoleType),
  ),
);

mutation('createRole', {
  permission: 'role:create',
  description:
    'Makes a custom role. Needs the plan TEAM; refused (NOT_HELD) when it would grant what the caller does not hold.',
  input: (t) => ({
    projectId: t.id({
      visibleWith: 'project:read',
      description: 'The project that it belongs to; the organization unless told.',
    }),
    name: t.string({
      required: true,
      description: 'Its name, 1 to 100 characters, unique there; not that of a built-in role.',
    }),
    description: t.string({ description: 'Whom it is for, at most 2,000 characters.' }),
    policyIds: t.idList({
      visibleWith: 'policy:read',
      required: true,
      description: 'What it is made of, 1 to 50 policies: the organization’s, and the project’s own.',
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
  description: 'Changes a custom role, for everybody who has it. What is omitted stays as it is.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'role:read', description: 'The role.' }),
    name: t.string({ description: 'Its name, 1 to 100 characters, unique there. Cannot be cleared.' }),
    description: t.string({ description: 'Whom it is for, at most 2,000 characters; null clears it.' }),
    policyIds: t.idList({
      visibleWith: 'policy:read',
      description: 'What it is made of, 1 to 50 policies, in the place of those before. Cannot be cleared.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getRole(ctx, input.id)).projectId,
  results: { role: { type: RoleType, description: 'The role as it is now.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'role', await updateRole(ctx, await getCustomRole(ctx, id), input)),
});

mutation('deleteRole', {
  permission: 'role:delete',
  description:
    'Deletes a custom role. While somebody has it, the answer lists them (IN_USE), unless `reassignTo` says what they get instead.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'role:read', description: 'The role.' }),
    reassignTo: t.id({ visibleWith: 'role:read', description: 'The role that its holders get.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getRole(ctx, input.id)).projectId,
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteRole(ctx, await getCustomRole(ctx, id), input)),
});
