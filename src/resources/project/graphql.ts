import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { AmbitError } from '../../lib/errors.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../principal/access-change-graphql.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import { RoleType } from '../role/ref.ts';
import { findRole } from '../role/service.ts';
import { Project } from './ref.ts';
import {
  createProject,
  createProjectMember,
  deleteProject,
  deleteProjectMember,
  findProject,
  findProjectByKey,
  findProjectMember,
  getProjectMember,
  listProjectMembers,
  listProjects,
  type ProjectMemberRow,
  type ProjectRow,
  updateProject,
  updateProjectMember,
  visibleProject,
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

builder.node(Project, {
  description:
    'A part of the organization with roles of its own: an app, an environment, a product. To who cannot read it, it does not exist.',
  permission: 'project:read',
  on: (project) => project.id,
  id: { resolve: (project) => project.id },
  loadWithoutCache: (id, ctx) => findProject(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    key: t.exposeString('key', { description: 'Its short name, unique in the organization in whichever case.' }),
    name: t.exposeString('name', { description: 'Its name.' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is for.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    members: t.connection(
      {
        type: ProjectMember,
        nullable: true,
        description: 'Who has a role of their own here. Others work here with their organization role.',
        permission: 'project_member:read',
        on: (project) => project.id,
        resolve: (project, args, ctx) => listProjectMembers(ctx, project.id, args),
      },
      connectionOf(ProjectMember),
    ),
    viewerPermissions: t.field({
      ...viewerPermissions<ProjectRow>('project'),
      description: 'Everything that the caller may do in the project.',
      resolve: (project, _args, ctx) => ctx.unit.access.permissions(project.id),
    }),
  }),
});

builder.queryField('projects', (t) =>
  t.connection(
    {
      type: Project,
      nullable: true,
      own: true,
      description: 'The projects that the caller can read, by key. Others do not exist for them, in counts neither.',
      resolve: (_root, args, ctx) => listProjects(ctx, args),
    },
    connectionOf(Project),
  ),
);

builder.queryField('project', (t) =>
  t.field({
    type: Project,
    nullable: true,
    own: true,
    description: 'The project with this id or key; null when there is none, or none that the caller can read.',
    args: {
      id: t.arg.id({ description: 'Its id.' }),
      key: t.arg.string({ description: 'Its key, in whichever case.' }),
    },
    resolve: async (_root, { id, key }, ctx) => {
      if ((id == null) === (key == null)) throw new AmbitError('BAD_REQUEST', 'Give `id` or `key`, one of the two.');
      ctx.unit.access.requireOrganization();
      if (key != null) return await findProjectByKey(ctx, key);
      const uuid = fromPublicId('prj', id ?? '');
      return uuid ? await findProject(ctx, uuid) : null;
    },
  }),
);

mutation('createProject', {
  permission: 'project:create',
  description: 'Makes a project. PLAN_REQUIRED when the plan has no room for another.',
  input: (t) => ({
    key: t.string({
      required: true,
      description: 'Its short name: 1 to 50 letters and digits, with single hyphens or underscores between them.',
    }),
    name: t.string({ required: true, description: 'Its name, 1 to 100 characters.' }),
    description: t.string({ description: 'What it is for, at most 2,000 characters.' }),
  }),
  results: { project: { type: Project, description: 'The new project.' } },
  resolve: async (input, ctx) => ({ project: await createProject(ctx, input) }),
});

mutation('updateProject', {
  permission: 'project:update',
  description: 'Changes a project. What is omitted stays as it is.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'project:read', description: 'The project.' }),
    key: t.string({ description: 'Its short name, unique in the organization. Cannot be cleared.' }),
    name: t.string({ description: 'Its name, 1 to 100 characters. Cannot be cleared.' }),
    description: t.string({ description: 'What it is for, at most 2,000 characters; null clears it.' }),
  }),
  on: async (input, ctx) => (await visibleProject(ctx, input.id)).id,
  results: { project: { type: Project, description: 'The project as it is now.' } },
  resolve: async ({ id, ...changes }, ctx) => ({
    project: await updateProject(ctx, (await visibleProject(ctx, id)).id, changes),
  }),
});

mutation('deleteProject', {
  permission: 'project:delete',
  description: 'Deletes a project with its roles, policies and everything inside. Cannot be undone.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'project:read', description: 'The project.' }),
    key: t.string({ required: true, description: 'Its key once more, to make sure.' }),
  }),
  on: async (input, ctx) => (await visibleProject(ctx, input.id)).id,
  results: DELETED,
  resolve: async ({ id, key }, ctx) => ({
    deletedId: await deleteProject(ctx, (await visibleProject(ctx, id)).id, key),
  }),
});

const NO_ACCESS = 'The role: a built-in project role, or a custom one. Null is "no access".';

mutation('createProjectMember', {
  permission: 'project_member:create',
  description:
    'Gives a member or service account a role of their own in the project. Needs the plan TEAM; refused (NOT_HELD) when they would gain or lose what the caller does not hold there.',
  input: (t) => ({
    projectId: t.id({ required: true, visibleWith: 'project:read', description: 'The project.' }),
    principalId: t.id({
      required: true,
      visibleWith: ['member:read', 'service_account:read'],
      own: true,
      description: 'The member or service account.',
    }),
    roleId: t.id({ visibleWith: 'role:read', description: NO_ACCESS }),
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
    id: t.id({ required: true, visibleWith: 'project_member:read', description: 'The project role to change.' }),
    roleId: t.id({ visibleWith: 'role:read', description: NO_ACCESS }),
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
    id: t.id({ required: true, visibleWith: 'project_member:read', description: 'The project role.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await getProjectMember(ctx, input.id)).projectId,
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, dryRun }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteProjectMember(ctx, await getProjectMember(ctx, id), dryRun ?? false)),
});
