import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../principal/access-change-graphql.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { findProject, visibleProject } from '../project/service.ts';
import { RoleType } from '../role/ref.ts';
import { findRole } from '../role/service.ts';
import {
  createProjectMember,
  deleteProjectMember,
  findProjectMember,
  getProjectMember,
  listProjectMembers,
  type ProjectMemberRow,
  updateProjectMember,
} from './service.ts';

const ProjectMember = builder.objectRef<ProjectMemberRow>('ProjectMember');

builder.node(ProjectMember, {
  description:
    'A project role: inside the project it stands in the place of the organization role, up or down. Owner and Admin are never narrowed.',
  permission: 'project_member:read',
  on: (row) => row.projectId,
  id: { resolve: (row) => row.id },
  loadWithoutCache: (id, ctx) => findProjectMember(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    principal: t.field({
      type: Principal,
      nullable: true,
      description: 'Who has it.',
      resolve: (row, _args, ctx) => findPrincipal(ctx, row.principalId),
    }),
    project: t.field({
      type: Project,
      nullable: true,
      description: 'Where.',
      resolve: (row, _args, ctx) => (row.projectId ? findProject(ctx, row.projectId) : null),
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The role; null is "no access".',
      resolve: (row, _args, ctx) => {
        const id = row.builtInRoleId ?? row.roleId;
        return id ? findRole(ctx, id) : null;
      },
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was first given.' }),
    viewerPermissions: t.field(viewerPermissions<ProjectMemberRow>('project_member', { on: (row) => row.projectId })),
  }),
});

builder.objectField(Project, 'members', (t) =>
  t.connection(
    {
      type: ProjectMember,
      nullable: true,
      permission: 'project_member:read',
      on: (project) => project.id,
      description: 'Who has a role of their own here. Others work here with their organization role.',
      resolve: (project, args, ctx) => listProjectMembers(ctx, project.id, args),
    },
    connectionOf(ProjectMember),
  ),
);

const NO_ACCESS = 'The role: a built-in project role, or a custom one. Null is "no access".';

mutation('createProjectMember', {
  permission: 'project_member:create',
  description:
    'Gives a member or service account a role of their own in the project. Needs the plan TEAM; refused (NOT_HELD) when they would gain or lose what the caller does not hold there.',
  input: (t) => ({
    projectId: t.id({ required: true, description: 'The project.' }),
    principalId: t.id({ required: true, description: 'The member or service account.' }),
    roleId: t.id({ description: NO_ACCESS }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await visibleProject(ctx, input.projectId)).id,
  results: { projectMember: { type: ProjectMember, description: 'The project role.' }, ...ACCESS_CHANGES },
  resolve: async (input, ctx) =>
    withChanges(
      ctx,
      'projectMember',
      await createProjectMember(ctx, await visibleProject(ctx, input.projectId), input),
    ),
});

mutation('updateProjectMember', {
  permission: 'project_member:update',
  description: 'Gives another role in the project.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The project role to change.' }),
    roleId: t.id({ description: NO_ACCESS }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getProjectMember(ctx, input.id)).projectId,
  results: { projectMember: { type: ProjectMember, description: 'The project role as it is now.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'projectMember', await updateProjectMember(ctx, await getProjectMember(ctx, id), input)),
});

mutation('deleteProjectMember', {
  permission: 'project_member:delete',
  description: 'Takes the project role away: the organization role holds in the project again.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The project role.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getProjectMember(ctx, input.id)).projectId,
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, dryRun }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteProjectMember(ctx, await getProjectMember(ctx, id), dryRun ?? false)),
});
