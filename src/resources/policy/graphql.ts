import { SERVICE_PERMISSIONS } from '../../access/ownership.ts';
import type { Context } from '../../context.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { textCost } from '../../graphql/cost.ts';
import { byId, findBy } from '../../graphql/find-by.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { costOfList, searchFilter } from '../../graphql/search.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { targetId } from '../../lib/input.ts';
import { limitText } from '../../lib/limits.ts';
import { isFeatureSuspended } from '../principal/access.ts';
import { Project } from '../project/ref.ts';
import { findProject, projectOf } from '../project/service.ts';
import {
  createPolicy,
  deletePolicy,
  findPolicy,
  findPolicyByName,
  getPolicy,
  listPolicies,
  listPoliciesOfProject,
  type PolicyRow,
  updatePolicy,
} from './service.ts';
import { patternsOf, type Statement } from './table.ts';

const PolicyEffect = builder.enumType('PolicyEffect', {
  description: 'Whether a statement grants or denies permissions.',
  values: {
    ALLOW: { description: 'Grants the permissions.' },
    DENY: { description: 'Denies the permissions. A denial overrides every grant of the role, in any order.' },
  } as const,
});

const PATTERNS =
  'Permissions and patterns such as `dataset:read`, `dataset:*`, `*:read` and `*`. Each must match at least one permission.';

const OWNED_BY_PRINCIPAL = `Whether the statement has an effect only on services of teams to which the member or service account belongs. A member of a team also counts as a member of all of its child teams. Then it grants or denies only the permissions ${SERVICE_PERMISSIONS.map((name) => `\`${name}\``).join(', ')}, and nothing in the organization, on services of other teams and on services without an owner.`;

export const PolicyStatement = builder.objectRef<Statement>('PolicyStatement').implement({
  description: 'A statement of a policy or of a custom role. It grants or denies permissions.',
  public: true,
  fields: (t) => ({
    effect: t.field({
      type: PolicyEffect,
      description: 'Whether the statement grants or denies the permissions.',
      resolve: (statement) => statement.effect,
    }),
    permissions: t.stringList({ description: PATTERNS, resolve: patternsOf }),
    ownedByPrincipal: t.boolean({
      description: OWNED_BY_PRINCIPAL,
      resolve: (statement) => statement.ifOwned !== undefined,
    }),
  }),
});

export const PolicyStatementInput = builder.inputType('PolicyStatementInput', {
  description: 'A statement of a policy or of a custom role.',
  fields: (t) => ({
    effect: t.field({
      type: PolicyEffect,
      required: true,
      description: 'Whether the statement grants or denies the permissions.',
    }),
    permissions: t.stringList({
      required: true,
      description: `1 to ${limitText('patternsPerStatement')} items. ${PATTERNS}`,
    }),
    ownedByPrincipal: t.boolean({
      description: `${OWNED_BY_PRINCIPAL} With it, each item of \`permissions\` must match at least one of these permissions. Defaults to false.`,
    }),
  }),
});

export const Policy = builder.objectRef<PolicyRow>('Policy');

builder.node(Policy, {
  description: 'A named list of statements. Custom roles can have policies, and one policy can be part of many roles.',
  permission: 'policy:read',
  on: (policy) => policy.projectId,
  id: { resolve: (policy) => policy.id },
  loadWithoutCache: (id, ctx) => findPolicy(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'The name of the policy. Unique in the organization or project, case-insensitive.',
    }),
    description: t.exposeString('description', {
      complexity: textCost(2_000),
      nullable: true,
      description: 'What the policy is used for. Null if there is none.',
    }),
    project: t.field({
      type: Project,
      nullable: true,
      description: 'The project that the policy belongs to. Null for a policy of the organization.',
      resolve: (policy, _args, ctx) => (policy.projectId ? findProject(ctx, policy.projectId) : null),
    }),
    statements: t.field({
      type: [PolicyStatement],
      description: 'The statements of the policy.',
      resolve: (policy) => policy.statements,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the policy was created.' }),
    suspended: t.boolean({
      description:
        'Whether the plan of the organization suspends the policy. True for every policy while the plan does not include `customRoles`. The roles with the policy are suspended then.',
      resolve: (_policy, _args, ctx) => isFeatureSuspended(ctx, 'customRoles'),
    }),
    viewerPermissions: t.field(viewerPermissions<PolicyRow>('policy', { on: (policy) => policy.projectId })),
  }),
});

/** The project of the policy that is asked for. Null for the organization, also if there is no such policy. */
async function scopeOf(
  ctx: Context,
  { id, projectId }: { id?: string | null | undefined; projectId?: string | null | undefined },
): Promise<string | null> {
  if (id == null) return await projectOf(ctx, projectId);
  const uuid = fromPublicId('pol', id);
  return (uuid && ctx.unit.binding.organizationId && (await findPolicy(ctx, uuid))?.projectId) || null;
}

builder.queryField('policy', (t) =>
  t.field({
    type: Policy,
    nullable: true,
    permission: 'policy:read',
    on: (_root, args, ctx) => scopeOf(ctx, args),
    description:
      'The policy with this ID or name. Null if it does not exist or is not visible to the caller. Returns BAD_REQUEST unless exactly one of the two is given.',
    args: {
      id: t.arg.id({ description: 'The ID of the policy.' }),
      name: t.arg.string({ description: 'The name of the policy. Case-insensitive.' }),
      projectId: t.arg.id({
        visibleWith: 'project:read',
        description:
          'The ID of a project, to find a policy of the project by its name. Defaults to the organization. Not used with `id`.',
      }),
    },
    resolve: (_root, args, ctx) =>
      findBy(args, {
        id: byId('pol', (id) => findPolicy(ctx, id)),
        name: async (name) => findPolicyByName(ctx, await projectOf(ctx, args.projectId), name),
      }),
  }),
);

const PolicyFilter = searchFilter('Policy', 'policies', ['name']);

builder.queryField('policies', (t) =>
  t.connection(
    {
      type: Policy,
      nullable: true,
      complexity: (args) => costOfList(args),
      permission: 'policy:read',
      on: (_root, args, ctx) => projectOf(ctx, args.projectId),
      description: 'The policies of the organization, or of a project, ordered by name.',
      args: {
        filter: t.arg({ type: PolicyFilter, description: 'Which policies to list. Defaults to all.' }),
        projectId: t.arg.id({
          visibleWith: 'project:read',
          description: 'The ID of a project. Defaults to the organization.',
        }),
      },
      resolve: async (_root, { projectId, ...args }, ctx) => listPolicies(ctx, await projectOf(ctx, projectId), args),
    },
    connectionOf(Policy),
  ),
);

builder.objectField(Project, 'policies', (t) =>
  t.connection(
    {
      type: Policy,
      nullable: true,
      permission: 'policy:read',
      on: (project) => project.id,
      description: 'The policies of the project, ordered by name.',
      resolve: (project, args, ctx) => listPoliciesOfProject(ctx, project.id, args),
    },
    connectionOf(Policy),
  ),
);

const find = async (ctx: Context, id: string): Promise<PolicyRow> => getPolicy(ctx, targetId('pol', id));

const NAME = 'The name, 1 to 100 characters. Unique in the organization or project, case-insensitive.';
const DESCRIPTION = 'What the policy is used for, 1 to 2,000 characters.';
const STATEMENTS = `1 to ${limitText('statementsPerPolicy')} statements with at most ${limitText('patternsPerPolicy')} permissions and patterns in total.`;

mutation('createPolicy', {
  rateLimit: 'policies',
  permission: 'policy:create',
  description: `Creates a custom policy. Returns PLAN_REQUIRED if the plan has no custom roles, NOT_HELD if the policy grants permissions that the caller does not have, and LIMIT_EXCEEDED if the policy has too many patterns or the organization and its projects already have ${limitText('policies')} policies.`,
  input: (t) => ({
    projectId: t.id({
      visibleWith: 'project:read',
      description: 'The ID of the project that the policy belongs to. Defaults to the organization.',
    }),
    name: t.string({ required: true, description: NAME }),
    description: t.string({ description: DESCRIPTION }),
    statements: t.field({ type: [PolicyStatementInput], required: true, description: STATEMENTS }),
  }),
  on: (input, ctx) => projectOf(ctx, input.projectId),
  results: { policy: { type: Policy, description: 'The new policy.' } },
  resolve: async ({ projectId, ...input }, ctx) => ({
    policy: await createPolicy(ctx, await projectOf(ctx, projectId), input),
  }),
});

mutation('updatePolicy', {
  permission: 'policy:update',
  description:
    'Updates a custom policy, and with it the access of everybody whose role contains the policy. Omitted fields are unchanged. Returns NOT_HELD if somebody would gain or lose permissions that the caller does not have, and LIMIT_EXCEEDED if the policy or a role with the policy would have too many patterns.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'policy:read', description: 'The ID of the policy.' }),
    name: t.string({ description: `${NAME} Cannot be null.` }),
    description: t.string({ description: `${DESCRIPTION} Null clears it.` }),
    statements: t.field({
      type: [PolicyStatementInput],
      description: `${STATEMENTS} They replace the current statements. Cannot be null.`,
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  on: async (input, ctx) => (await find(ctx, input.id)).projectId,
  results: { policy: { type: Policy, description: 'The updated policy.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'policy', await updatePolicy(ctx, await find(ctx, id), input)),
});

mutation('deletePolicy', {
  permission: 'policy:delete',
  description: 'Deletes a custom policy. If a role contains the policy, returns IN_USE and lists the roles.',
  input: (t) => ({ id: t.id({ required: true, visibleWith: 'policy:read', description: 'The ID of the policy.' }) }),
  on: async (input, ctx) => (await find(ctx, input.id)).projectId,
  results: DELETED,
  resolve: async ({ id }, ctx) => ({ deletedId: await deletePolicy(ctx, await find(ctx, id)) }),
});
