import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { AmbitError } from '../../lib/errors.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { Project } from './ref.ts';
import {
  createProject,
  deleteProject,
  findProject,
  findProjectByKey,
  listProjects,
  type ProjectRow,
  updateProject,
  visibleProject,
} from './service.ts';

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
      permission: 'project:read',
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
    permission: 'project:read',
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
    id: t.id({ required: true, description: 'The project.' }),
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
    id: t.id({ required: true, description: 'The project.' }),
    key: t.string({ required: true, description: 'Its key once more, to make sure.' }),
  }),
  on: async (input, ctx) => (await visibleProject(ctx, input.id)).id,
  results: DELETED,
  resolve: async ({ id, key }, ctx) => ({
    deletedId: await deleteProject(ctx, (await visibleProject(ctx, id)).id, key),
  }),
});
