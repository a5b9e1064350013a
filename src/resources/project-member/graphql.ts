import type { Context } from '../../context.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { permissionsField } from '../../graphql/viewer-permissions.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { nounOf } from '../../lib/words.ts';
import { Member } from '../member/graphql.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, grantsOf } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { findProject, visibleProject } from '../project/service.ts';
import { RoleType } from '../role/ref.ts';
import { findRole } from '../role/service.ts';
import { ServiceAccount } from '../service-account/graphql.ts';
import {
  createProjectMember,
  deleteProjectMember,
  findProjectMember,
  getProjectMember,
  isMembershipSuspended,
  isOwnProjectMember,
  listProjectMembers,
  listProjectMembersOf,
  type ProjectMemberRow,
  updateProjectMember,
} from './service.ts';
import { permissionsOnProjectMember } from './viewer-permissions.ts';

export const ProjectMember = builder.objectRef<ProjectMemberRow>('ProjectMember');

builder.node(ProjectMember, {
  description:
    'A project role of a member or service account. In the project it overrides the organization role. It never overrides the organization roles Owner and Admin.',
  permission: 'project_member:read',
  on: (row) => row.projectId,
  own: isOwnProjectMember,
  id: { resolve: (row) => row.id },
  loadWithoutCache: (id, ctx) => findProjectMember(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    principal: t.field({
      type: Principal,
      nullable: true,
      description: 'The member or service account that has the role. Null if it is not visible to the caller.',
      resolve: (row, _args, ctx) => findPrincipal(ctx, row.principalId),
    }),
    project: t.field({
      type: Project,
      nullable: true,
      description: 'The project. Null if it is not visible to the caller.',
      resolve: (row, _args, ctx) => (row.projectId ? findProject(ctx, row.projectId) : null),
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The role. Null if `noAccess` is true or the role is not visible to the caller.',
      resolve: (row, _args, ctx) => {
        const id = row.builtInRoleId ?? row.roleId;
        return id ? findRole(ctx, id) : null;
      },
    }),
    noAccess: t.boolean({
      description: 'Whether the member or service account has no access to the project.',
      resolve: (row) => (row.builtInRoleId ?? row.roleId) === null,
    }),
    suspended: t.boolean({
      description:
        'Whether the plan of the organization suspends the role in the project. True while the plan does not include `projectRoles`, and for a custom role while it does not include `customRoles`. A suspended project role still overrides the organization role, but grants only permissions that the organization role grants as well. False for the project role of the creator, and if `noAccess` is true: no plan suspends these.',
      resolve: (row, _args, ctx) => isMembershipSuspended(ctx, row),
    }),
    inactive: t.boolean({
      description:
        'Whether the project role has no effect, because the member or service account is Owner or Admin of the organization, or was one after the project role was assigned. It stays without effect after a demotion. `updateProjectMember` then makes it effective, with the same or another role.',
      resolve: async (row, _args, ctx) =>
        row.inactive || ((await grantsOf(ctx, row.principalId))?.grants.role.neverOverridden ?? false),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the project role was created.' }),
    viewerPermissions: t.field({
      ...permissionsField('project_member'),
      resolve: (row, _args, ctx) => permissionsOnProjectMember(ctx, row),
    }),
  }),
});

for (const type of [Member, ServiceAccount])
  builder.objectField(type, 'projectMembers', (t) =>
    t.connection(
      {
        type: ProjectMember,
        nullable: true,
        description: `The project roles of the ${nounOf(type.name)} in projects whose project roles are visible to the caller. For the caller’s own, in all projects that are visible to the caller. Null if an argument is invalid.`,
        resolve: (principal, args, ctx) => listProjectMembersOf(ctx, principal.id, args),
      },
      connectionOf(ProjectMember),
    ),
  );

builder.objectField(Project, 'members', (t) =>
  t.connection(
    {
      type: ProjectMember,
      nullable: true,
      permission: 'project_member:read',
      on: (project) => project.id,
      description:
        'The project roles of the project. Members and service accounts without a project role have their organization role in the project.',
      resolve: (project, args, ctx) => listProjectMembers(ctx, project.id, args),
    },
    connectionOf(ProjectMember),
  ),
);

const found = async (ctx: Context, id: string): Promise<ProjectMemberRow | null> => {
  const uuid = fromPublicId('pmb', id);
  return uuid && ctx.unit.binding.organizationId ? await findProjectMember(ctx, uuid) : null;
};

builder.queryField('projectMember', (t) =>
  t.field({
    type: ProjectMember,
    nullable: true,
    permission: 'project_member:read',
    on: async (_root, { id }, ctx) => (await found(ctx, id))?.projectId ?? null,
    description: 'The project role with this ID. Null if it does not exist or is not visible to the caller.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the project role.' }) },
    resolve: (_root, { id }, ctx) => found(ctx, id),
  }),
);

const ROLE = 'The ID of a built-in project role, or of a custom role. Required unless `noAccess` is true.';
const NO_ACCESS = 'If true, removes all access to the project. Cannot be combined with `roleId`. Defaults to false.';
const NOT_HELD = 'NOT_HELD if somebody would gain or lose permissions that the caller does not have in the project';

mutation('createProjectMember', {
  permission: 'project_member:create',
  description: `Assigns a project role to a member or service account. Returns PLAN_REQUIRED if the plan has no project roles, NO_EFFECT for an Owner or Admin of the organization, and ${NOT_HELD}.`,
  input: (t) => ({
    projectId: t.id({ required: true, visibleWith: 'project:read', description: 'The ID of the project.' }),
    principalId: t.id({
      required: true,
      visibleWith: ['member:read', 'service_account:read'],
      own: true,
      description: 'The ID of the member or service account.',
    }),
    roleId: t.id({ visibleWith: 'role:read', description: ROLE }),
    noAccess: t.boolean({ description: NO_ACCESS }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await visibleProject(ctx, input.projectId)).id,
  results: { projectMember: { type: ProjectMember, description: 'The new project role.' }, ...ACCESS_CHANGES },
  resolve: async (input, ctx) =>
    withChanges(
      ctx,
      'projectMember',
      await createProjectMember(ctx, await visibleProject(ctx, input.projectId), input),
    ),
});

mutation('updateProjectMember', {
  permission: 'project_member:update',
  description: `Replaces a project role by another one. Returns PLAN_REQUIRED if the plan has no project roles, NO_EFFECT for an Owner or Admin of the organization, and ${NOT_HELD}.`,
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'project_member:read', description: 'The ID of the project role.' }),
    roleId: t.id({ visibleWith: 'role:read', description: ROLE }),
    noAccess: t.boolean({ description: NO_ACCESS }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getProjectMember(ctx, input.id)).projectId,
  results: { projectMember: { type: ProjectMember, description: 'The updated project role.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'projectMember', await updateProjectMember(ctx, await getProjectMember(ctx, id), input)),
});

mutation('deleteProjectMember', {
  permission: 'project_member:delete',
  description: `Removes a project role. The member or service account has its organization role in the project again. Returns ${NOT_HELD}.`,
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'project_member:read', description: 'The ID of the project role.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getProjectMember(ctx, input.id)).projectId,
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, dryRun }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteProjectMember(ctx, await getProjectMember(ctx, id), dryRun ?? false)),
});
