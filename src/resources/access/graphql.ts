import type { GraphQLResolveInfo } from 'graphql';
import { permissionsOf, type Target, unrestricted } from '../../access/access.ts';
import {
  BUILT_IN_ROLES,
  PERMISSIONS,
  type Permission,
  type PermissionDefinition,
  PROJECT_ROLES,
} from '../../access/catalog.ts';
import { decide, type Trace, trace } from '../../access/decide.ts';
import { endpointsWith } from '../../access/endpoints.ts';
import type { Decision, Grants, Role, RoleSummary } from '../../access/model.ts';
import { ROLES } from '../../access/roles.ts';
import { STEP_KINDS, type Step } from '../../access/steps.ts';
import type { Context } from '../../context.ts';
import { arrayPage, DEFAULT_PAGE, type Page } from '../../db/page.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { usesIn } from '../../graphql/permission-uses.ts';
import { scopesOf } from '../../graphql/scopes.ts';
import { REFUSAL_REASONS } from '../../lib/errors.ts';
import { Policy } from '../policy/graphql.ts';
import type { PolicyRow } from '../policy/service.ts';
import { findGrants } from '../principal/access.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, grantsOf, listPrincipals, type PrincipalRow, visibleIds } from '../principal/service.ts';
import { RoleType } from '../role/ref.ts';
import { findPoliciesOf } from '../role/service.ts';
import { textOf } from './explain.ts';
import {
  type Answer,
  authorize,
  isCaller,
  isCallersEmail,
  MAX_QUESTIONS,
  requireHolder,
  requirePermission,
  requireTarget,
} from './service.ts';

const described = <Key extends string>(table: Record<Key, string>) =>
  Object.fromEntries(Object.entries(table).map(([key, description]) => [key, { description }])) as Record<
    Key,
    { description: string }
  >;

const PermissionLevel = builder.enumType('PermissionLevel', {
  description: 'What a permission is checked on.',
  values: {
    ORGANIZATION: { value: 'organization', description: 'The organization.' },
    PROJECT: { value: 'project', description: 'A project.' },
    BOTH: { value: 'both', description: 'The organization or a project.' },
  } as const,
});

const roleEnum = <Key extends string>(name: string, scope: Role['scope'], description: string, keys: readonly Key[]) =>
  builder.enumType(name, {
    description,
    values: Object.fromEntries(
      keys.map((key) => [
        key.toUpperCase(),
        { value: key, description: ROLES.find((role) => role.scope === scope && role.builtIn === key)?.description },
      ]),
    ) as Record<string, { value: Key; description: string }>,
  });

const BuiltInRoleEnum = roleEnum(
  'BuiltInRole',
  'organization',
  'The built-in organization roles, the least powerful first. Each contains the one before it.',
  BUILT_IN_ROLES,
);
const ProjectRoleEnum = roleEnum(
  'BuiltInProjectRole',
  'project',
  'The built-in project roles, the least powerful first. Owner contains Manager, Manager contains Member, and Member contains Read. Write contains Read and grants what the organization role Write grants in a project.',
  PROJECT_ROLES,
);

const PermissionDefinitionType = builder.objectRef<PermissionDefinition>('PermissionDefinition').implement({
  description: 'A permission and the built-in roles that grant it.',
  public: true,
  fields: (t) => ({
    name: t.field({ type: 'Permission', description: 'The name of the permission.', resolve: (row) => row.name }),
    level: t.field({
      type: PermissionLevel,
      description: 'What the permission is checked on.',
      resolve: (row) => row.level,
    }),
    description: t.exposeString('description', { description: 'What the permission allows.' }),
    builtInRoles: t.field({
      type: [BuiltInRoleEnum],
      description: 'The built-in organization roles that grant the permission, the least powerful first.',
      resolve: (row) => row.builtInRoles,
    }),
    projectRoles: t.field({
      type: [ProjectRoleEnum],
      description:
        'The built-in project roles that grant the permission, the least powerful first. Empty if no project role grants it.',
      resolve: (row) => row.projectRoles,
    }),
    fields: t.stringList({
      complexity: { field: 10 },
      description:
        'The elements of this schema that require the permission, as schema coordinates: fields such as `Mutation.updateCheck`, arguments such as `Query.roles(projectId:)`, input fields, enum values, and object types. Empty if the schema does not use the permission: it can be part of policies, and `authorize` answers for it.',
      resolve: (row, _args, _ctx, info) => [...(usesIn(info.schema).get(row.name) ?? [])],
    }),
    endpoints: t.stringList({
      description: 'The HTTP endpoints that require the permission, such as `GET /path`. Usually empty.',
      resolve: (row) => endpointsWith(row.name),
    }),
  }),
});

builder.queryField('permissions', (t) =>
  t.field({
    type: [PermissionDefinitionType],
    public: true,
    description: 'All permissions that exist. The result is the same for every caller.',
    complexity: { field: 1, multiplier: PERMISSIONS.size },
    resolve: () => [...PERMISSIONS.values()],
  }),
);

const RefusalReasonEnum = builder.enumType('RefusalReason', {
  description: 'The reason of a refusal, as in `extensions.reason` of a FORBIDDEN error.',
  values: described(REFUSAL_REASONS),
});

const TARGET =
  'The ID of the caller’s organization, of a project, or of another object that is visible to the caller. For another object, the permission is checked on its project, or on the organization if it belongs to none. Defaults to the organization.';

/** The scope of the argument `targetId`. */
const targetOf = async (
  ctx: Context,
  info: GraphQLResolveInfo,
  targetId: string | null | undefined,
): Promise<Target> => {
  ctx.unit.access.requireOrganization();
  return await requireTarget(ctx, targetId, await scopesOf(ctx, info, [targetId]));
};
const PRINCIPAL = 'The ID of a member, service account or user. Defaults to the caller.';
const OF_OTHERS = { permission: 'access:read', own: (id: string, ctx: Context) => isCaller(ctx, id) } as const;

const EMAIL = 'The e-mail address of a member, instead of `principalId`. Case-insensitive.';
const OF_OTHER_ADDRESSES = {
  permission: 'access:read',
  own: (email: string, ctx: Context) => isCallersEmail(ctx, email),
} as const;

const AuthorizationRequest = builder.inputType('AuthorizationRequest', {
  description: 'A question: whether a principal has a permission on a target.',
  fields: (t) => ({
    permission: t.field({ type: 'Permission', required: true, description: 'The name of the permission.' }),
    targetId: t.id({ visibleWith: 'project:read', own: true, description: TARGET }),
    principalId: t.id({ ...OF_OTHERS, description: PRINCIPAL }),
    principalEmail: t.string({ ...OF_OTHER_ADDRESSES, description: EMAIL }),
  }),
});

const Authorization = builder.objectRef<Answer>('Authorization').implement({
  description: 'The answer to an authorization question.',
  public: true,
  fields: (t) => ({
    allowed: t.exposeBoolean('allowed', { description: 'Whether the principal has the permission.' }),
    reason: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'The reason of the refusal. Null if it is allowed.',
      resolve: (answer) => answer.reason,
    }),
  }),
});

builder.queryField('authorize', (t) =>
  t.field({
    type: [Authorization],
    nullable: true,
    own: true,
    description:
      'Answers whether principals have permissions, in the order of the questions. Other services can use it to authorize their own requests.',
    args: {
      requests: t.arg({
        type: [AuthorizationRequest],
        required: true,
        description: `The questions, at most ${MAX_QUESTIONS.toLocaleString('en')}.`,
      }),
    },
    complexity: (args) => ({ field: 1, multiplier: Math.max(args.requests.length, 1) }),
    resolve: async (_root, { requests }, ctx, info) => {
      const targetIds = requests.slice(0, MAX_QUESTIONS).map(({ targetId }) => targetId);
      return await authorize(ctx, requests, await scopesOf(ctx, info, targetIds));
    },
  }),
);

const StepKind = builder.enumType('AccessStepKind', {
  description: 'What a step of an access decision checks.',
  values: described(STEP_KINDS),
});

function roleOf(step: Step): RoleSummary | null {
  if (step.kind === 'PROJECT_ROLE') return step.projectRole ?? null;
  return 'role' in step ? step.role : null;
}

/** A step has the name of the policy only, because a compiled role has no more. */
async function findPolicyOf(ctx: Context, step: Step): Promise<PolicyRow | null> {
  if (step.kind !== 'DENIAL' || step.passed) return null;
  const named = (await findPoliciesOf(ctx, step.role)).filter(({ name }) => name === step.policy);
  return named.find(({ statements }) => statements.some(({ effect }) => effect === 'DENY')) ?? null;
}

const AccessStep = builder.objectRef<Step>('AccessStep').implement({
  description: 'A step of an access decision.',
  public: true,
  fields: (t) => ({
    kind: t.field({ type: StepKind, description: 'What the step checks.', resolve: (step) => step.kind }),
    passed: t.exposeBoolean('passed', {
      description:
        'Whether the step passed. The first step that does not pass refuses the permission and is the last step.',
    }),
    text: t.string({ description: 'The result of the step as a sentence, for people.', resolve: textOf }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description:
        'The role that the step is about. Null if it is about no role or the role is not visible to the caller.',
      resolve: roleOf,
    }),
    policy: t.field({
      type: Policy,
      nullable: true,
      description:
        'The policy that denies the permission. Null if no policy denies it or the policy is not visible to the caller.',
      resolve: (step, _args, ctx) => findPolicyOf(ctx, step),
    }),
  }),
});

const refusalOf = (decision: Decision) => (decision.allowed ? null : decision);

const AccessExplanation = builder.objectRef<Trace>('AccessExplanation').implement({
  description: 'An access decision and its steps.',
  public: true,
  fields: (t) => ({
    allowed: t.boolean({
      description: 'Whether the principal has the permission.',
      resolve: ({ decision }) => decision.allowed,
    }),
    reason: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'The reason of the refusal. Null if it is allowed.',
      resolve: ({ decision }) => refusalOf(decision)?.reason ?? null,
    }),
    message: t.string({
      nullable: true,
      description: 'The reason of the refusal as a sentence, for people. Null if it is allowed.',
      resolve: ({ decision }) => refusalOf(decision)?.message ?? null,
    }),
    hint: t.string({
      nullable: true,
      description: 'What would grant the permission. Null if it is allowed.',
      resolve: ({ decision }) => refusalOf(decision)?.hint ?? null,
    }),
    steps: t.field({
      type: [AccessStep],
      description: 'The steps of the decision, in the order in which they were checked.',
      resolve: ({ steps }) => steps,
    }),
  }),
});

const MatrixEntry = builder.objectRef<Decision>('AccessMatrixEntry').implement({
  description: 'Whether a principal has a permission, and the role that grants it.',
  public: true,
  fields: (t) => ({
    permission: t.field({
      type: 'Permission',
      description: 'The name of the permission.',
      resolve: (decision) => decision.permission,
    }),
    allowed: t.boolean({
      description: 'Whether the principal has the permission.',
      resolve: (decision) => decision.allowed,
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description:
        'The role that grants the permission. Null if it is refused or the role is not visible to the caller.',
      resolve: (decision) => (decision.allowed ? decision.because.role : null),
    }),
    reason: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'The reason of the refusal. Null if it is allowed.',
      resolve: (decision) => refusalOf(decision)?.reason ?? null,
    }),
  }),
});

interface MatrixRow {
  principal: PrincipalRow;
  grants: Grants | undefined;
  target: Target;
  permissions: Permission[];
}

const MatrixRowType = builder.objectRef<MatrixRow>('AccessMatrixRow').implement({
  description: 'A row of the access matrix: the permissions of one principal.',
  permission: 'access:read',
  fields: (t) => ({
    principal: t.field({
      type: Principal,
      nullable: true,
      description: 'The member or service account. Null if it is not visible to the caller.',
      resolve: (row) => row.principal,
    }),
    entries: t.field({
      type: [MatrixEntry],
      description: 'One entry for each permission, in the order of the argument `permissions`.',
      resolve: ({ grants, target, permissions }) =>
        grants ? permissions.map((permission) => decide(unrestricted(grants), permission, target)) : [],
    }),
  }),
});

/** All principals that have the permission on the target, in the order of joining. */
async function whoCan(ctx: Context, permission: Permission, target: Target): Promise<{ id: string }[]> {
  const all = await findGrants(ctx);
  const visible = await visibleIds(ctx);
  return [...all]
    .filter(([id, grants]) => visible.has(id) && decide(unrestricted(grants), permission, target).allowed)
    .map(([id]) => ({ id }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function principalPage(ctx: Context, page: Page<{ id: string }>): Promise<Page<PrincipalRow>> {
  const edges = await Promise.all(
    page.edges.map(async ({ cursor, node }) => ({ cursor, node: (await findPrincipal(ctx, node.id)) as PrincipalRow })),
  );
  return { ...page, edges };
}

builder.queryFields((t) => ({
  access: t.field({
    type: AccessExplanation,
    nullable: true,
    own: true,
    description: 'Decides whether a principal has a permission, and explains the decision step by step.',
    args: {
      principalId: t.arg.id({ ...OF_OTHERS, description: PRINCIPAL }),
      principalEmail: t.arg.string({ ...OF_OTHER_ADDRESSES, description: EMAIL }),
      permission: t.arg({ type: 'Permission', required: true, description: 'The name of the permission.' }),
      targetId: t.arg.id({ visibleWith: 'project:read', own: true, description: TARGET }),
    },
    resolve: async (_root, { permission, targetId, ...principal }, ctx, info) =>
      trace(await requireHolder(ctx, principal), requirePermission(permission), await targetOf(ctx, info, targetId)),
  }),
  permissionsOf: t.field({
    type: ['Permission'],
    nullable: true,
    own: true,
    description: 'All permissions that a principal has on a target.',
    args: {
      principalId: t.arg.id({ ...OF_OTHERS, description: PRINCIPAL }),
      principalEmail: t.arg.string({ ...OF_OTHER_ADDRESSES, description: EMAIL }),
      targetId: t.arg.id({ visibleWith: 'project:read', own: true, description: TARGET }),
    },
    resolve: async (_root, { targetId, ...principal }, ctx, info) =>
      permissionsOf(await requireHolder(ctx, principal), await targetOf(ctx, info, targetId)),
  }),
  whoCan: t.connection(
    {
      type: Principal,
      nullable: true,
      permission: 'access:read',
      description: 'The members and service accounts that have a permission on a target, in the order of joining.',
      // The grants of all principals are read for every page.
      complexity: (args) => ({ field: 500, multiplier: Math.max(args.first ?? args.last ?? DEFAULT_PAGE, 1) }),
      args: {
        permission: t.arg({ type: 'Permission', required: true, description: 'The name of the permission.' }),
        targetId: t.arg.id({ visibleWith: 'project:read', own: true, description: TARGET }),
      },
      resolve: async (_root, { permission, targetId, ...args }, ctx, info) => {
        const place = await targetOf(ctx, info, targetId);
        const found = await whoCan(ctx, requirePermission(permission), place);
        return await principalPage(
          ctx,
          arrayPage(found, ['whoCan', ctx.unit.actor.organization?.id, permission, place], args),
        );
      },
    },
    connectionOf(Principal),
  ),
  accessMatrix: t.connection(
    {
      type: MatrixRowType,
      nullable: true,
      permission: 'access:read',
      description:
        'The permissions of all members and service accounts on a target, with the roles that grant them. One row for each principal, in the order of joining.',
      // Rows times columns. A list counts as ten by itself. Never less than the rows.
      complexity: (args) => ({
        field: 1,
        multiplier:
          (args.first ?? args.last ?? DEFAULT_PAGE) * Math.max((args.permissions?.length ?? PERMISSIONS.size) / 10, 1),
      }),
      args: {
        targetId: t.arg.id({ visibleWith: 'project:read', own: true, description: TARGET }),
        permissions: t.arg({ type: ['Permission'], description: 'The names of the permissions. Defaults to all.' }),
      },
      resolve: async (_root, { targetId, permissions, ...args }, ctx, info) => {
        const place = await targetOf(ctx, info, targetId);
        const columns = permissions?.map(requirePermission) ?? [...PERMISSIONS.values()].map((row) => row.name);
        const page = await listPrincipals(ctx, null, args);
        const rowOf = async (principal: PrincipalRow): Promise<MatrixRow> => ({
          principal,
          grants: (await grantsOf(ctx, principal.id))?.grants,
          target: place,
          permissions: columns,
        });
        const edges = page.edges.map(async ({ cursor, node }) => ({ cursor, node: await rowOf(node) }));
        return { ...page, edges: await Promise.all(edges) };
      },
    },
    connectionOf(MatrixRowType),
  ),
}));
