import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../principal/access-change-graphql.ts';
import { Project } from '../project/ref.ts';
import { findProject, projectOf } from '../project/service.ts';
import {
  createPolicy,
  deletePolicy,
  findPolicy,
  getPolicy,
  listPolicies,
  type PolicyRow,
  updatePolicy,
} from './service.ts';
import type { Statement } from './table.ts';

const PolicyEffect = builder.enumType('PolicyEffect', {
  description: 'What a statement does.',
  values: {
    ALLOW: { description: 'Grants.' },
    DENY: { description: 'Denies, which outweighs every grant, whatever the order.' },
  } as const,
});

const PATTERNS = 'Permissions or patterns: `dataset:read`, `dataset:*`, `*:read`, `*`. Each must match a permission.';

const PolicyStatement = builder.objectRef<Statement>('PolicyStatement').implement({
  description: 'What a policy allows or denies.',
  public: true,
  fields: (t) => ({
    effect: t.field({ type: PolicyEffect, description: 'Which of the two.', resolve: (statement) => statement.effect }),
    permissions: t.exposeStringList('permissions', { description: PATTERNS }),
  }),
});

const PolicyStatementInput = builder.inputType('PolicyStatementInput', {
  description: 'What a policy allows or denies.',
  fields: (t) => ({
    effect: t.field({ type: PolicyEffect, required: true, description: 'Which of the two.' }),
    permissions: t.stringList({ required: true, description: PATTERNS }),
  }),
});

export const Policy = builder.objectRef<PolicyRow>('Policy');

builder.node(Policy, {
  description: 'A named list of statements, which roles are made of.',
  permission: 'policy:read',
  on: (policy) => policy.projectId,
  id: { resolve: (policy) => policy.id },
  loadWithoutCache: (id, ctx) => findPolicy(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, unique in the organization or project.' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is for.' }),
    project: t.field({
      type: Project,
      nullable: true,
      description: 'The project that it belongs to; null for one of the organization.',
      resolve: (policy, _args, ctx) => (policy.projectId ? findProject(ctx, policy.projectId) : null),
    }),
    statements: t.field({
      type: [PolicyStatement],
      description: 'What it allows and denies.',
      resolve: (policy) => policy.statements,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    viewerPermissions: t.field(viewerPermissions<PolicyRow>('policy', { on: (policy) => policy.projectId })),
  }),
});

builder.queryField('policies', (t) =>
  t.connection(
    {
      type: Policy,
      nullable: true,
      permission: 'policy:read',
      on: (_root, args, ctx) => projectOf(ctx, args.projectId),
      description: 'The policies of the organization, or with `projectId` those of the project, by name.',
      args: { projectId: t.arg.id({ visibleWith: 'project:read', description: 'Policies of this project.' }) },
      resolve: async (_root, { projectId, ...args }, ctx) => listPolicies(ctx, await projectOf(ctx, projectId), args),
    },
    connectionOf(Policy),
  ),
);

const policyPlace = async (id: string, ctx: Parameters<typeof getPolicy>[0]) => getPolicy(ctx, targetId('pol', id));

mutation('createPolicy', {
  permission: 'policy:create',
  description:
    'Makes a custom policy. Needs the plan TEAM; refused (NOT_HELD) when it allows what the caller does not hold.',
  input: (t) => ({
    projectId: t.id({
      visibleWith: 'project:read',
      description: 'The project that it belongs to; the organization unless told.',
    }),
    name: t.string({ required: true, description: 'Its name, 1 to 100 characters, unique there.' }),
    description: t.string({ description: 'What it is for, at most 2,000 characters.' }),
    statements: t.field({
      type: [PolicyStatementInput],
      required: true,
      description: 'What it allows and denies, 1 to 50.',
    }),
  }),
  on: (input, ctx) => projectOf(ctx, input.projectId),
  results: { policy: { type: Policy, description: 'The new policy.' } },
  resolve: async ({ projectId, ...input }, ctx) => ({
    policy: await createPolicy(ctx, await projectOf(ctx, projectId), input),
  }),
});

mutation('updatePolicy', {
  permission: 'policy:update',
  description: 'Changes a custom policy, for everybody whose role uses it. What is omitted stays as it is.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'policy:read', description: 'The policy.' }),
    name: t.string({ description: 'Its name, 1 to 100 characters, unique there. Cannot be cleared.' }),
    description: t.string({ description: 'What it is for, at most 2,000 characters; null clears it.' }),
    statements: t.field({
      type: [PolicyStatementInput],
      description: 'What it allows and denies, in the place of what it did. Cannot be cleared.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await policyPlace(input.id, ctx)).projectId,
  results: { policy: { type: Policy, description: 'The policy as it is now.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'policy', await updatePolicy(ctx, await policyPlace(id, ctx), input)),
});

mutation('deletePolicy', {
  permission: 'policy:delete',
  description: 'Deletes a custom policy that no role uses; else the answer lists the roles (IN_USE).',
  input: (t) => ({ id: t.id({ required: true, visibleWith: 'policy:read', description: 'The policy.' }) }),
  on: async (input, ctx) => (await policyPlace(input.id, ctx)).projectId,
  results: DELETED,
  resolve: async ({ id }, ctx) => ({ deletedId: await deletePolicy(ctx, await policyPlace(id, ctx)) }),
});
