import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { textCost } from '../../graphql/cost.ts';
import { byId, findBy } from '../../graphql/find-by.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { costOfList, searchFilter } from '../../graphql/search.ts';
import { withSource } from '../../graphql/source.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
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
import { projects } from './table.ts';

builder.node(Project, {
  description:
    'A part of the organization that can have its own roles, such as an application, an environment or a product. It is not visible to callers without `project:read` on it.',
  permission: 'project:read',
  on: (project) => project.id,
  extensions: withSource({
    table: projects,
    prefix: 'prj',
    id: projects.id,
    organization: projects.organizationId,
    project: projects.id,
  }),
  id: { resolve: (project) => project.id },
  loadWithoutCache: (id, ctx) => findProject(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    key: t.exposeString('key', {
      description: 'The short name of the project. Unique in the organization, case-insensitive.',
    }),
    name: t.exposeString('name', { description: 'The display name of the project.' }),
    description: t.exposeString('description', {
      complexity: textCost(2_000),
      nullable: true,
      description: 'What the project is about. Null if there is none.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the project was created.' }),
    viewerPermissions: t.field({
      ...viewerPermissions<ProjectRow>('project', {
        on: (project) => project.id,
        of: (ctx, project) => ctx.unit.access.permissions(project),
      }),
      description: 'All permissions that the caller has in the project.',
    }),
  }),
});

const ProjectFilter = searchFilter('Project', 'projects', ['key', 'name']);

builder.queryField('projects', (t) =>
  t.connection(
    {
      type: Project,
      nullable: true,
      own: true,
      complexity: (args) => costOfList(args),
      args: { filter: t.arg({ type: ProjectFilter, description: 'Which projects to list. Defaults to all.' }) },
      description:
        'The projects that are visible to the caller, ordered by key. `totalCount` does not include other projects.',
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
    description:
      'The project with this ID or key. Null if it does not exist or is not visible to the caller. Returns BAD_REQUEST unless exactly one of the two is given.',
    args: {
      id: t.arg.id({ description: 'The ID of the project.' }),
      key: t.arg.string({ description: 'The key of the project. Case-insensitive.' }),
    },
    resolve: (_root, args, ctx) => {
      ctx.unit.access.requireOrganization();
      return findBy(args, {
        id: byId('prj', (id) => findProject(ctx, id)),
        key: (key) => findProjectByKey(ctx, key),
      });
    },
  }),
);

const KEY =
  'The short name: 1 to 50 letters and digits, with single hyphens or underscores between them. Unique in the organization, case-insensitive. If the caller cannot read every project, a random suffix is added to a new key. Otherwise a caller could find out the keys of hidden projects.';
const NAME = 'The display name, 1 to 100 characters.';
const DESCRIPTION = 'What the project is about, 1 to 2,000 characters.';

mutation('createProject', {
  rateLimit: 'projects',
  permission: 'project:create',
  description:
    'Creates a project. The caller gets the project role Owner in it, unless the caller is Owner or Admin of the organization. No plan suspends this role until somebody changes it. Returns PLAN_REQUIRED if the organization has all projects that its plan includes.',
  input: (t) => ({
    key: t.string({ required: true, description: KEY }),
    name: t.string({ required: true, description: NAME }),
    description: t.string({ description: DESCRIPTION }),
  }),
  results: { project: { type: Project, description: 'The new project.' } },
  resolve: async (input, ctx) => ({ project: await createProject(ctx, input) }),
});

mutation('updateProject', {
  permission: 'project:update',
  description: 'Updates a project. Omitted fields are unchanged.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'project:read', description: 'The ID of the project.' }),
    key: t.string({ description: `${KEY} Cannot be null.` }),
    name: t.string({ description: `${NAME} Cannot be null.` }),
    description: t.string({ description: `${DESCRIPTION} Null clears it.` }),
  }),
  on: async (input, ctx) => (await visibleProject(ctx, input.id)).id,
  results: { project: { type: Project, description: 'The updated project.' } },
  resolve: async ({ id, ...changes }, ctx) => ({
    project: await updateProject(ctx, (await visibleProject(ctx, id)).id, changes),
  }),
});

mutation('deleteProject', {
  permission: 'project:delete',
  description:
    'Deletes a project with everything in it, including its roles, policies, project roles and API keys. This cannot be undone. `accessChanges` lists what everybody with a project role loses.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'project:read', description: 'The ID of the project.' }),
    key: t.string({
      required: true,
      description: 'The key of the project, as a confirmation. Returns MISMATCH if it differs.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await visibleProject(ctx, input.id)).id,
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteProject(ctx, (await visibleProject(ctx, id)).id, input)),
});
