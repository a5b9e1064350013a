import { permissionsOf, type Target, unrestricted } from '../../access/access.ts';
import {
  BUILT_IN_ROLES,
  PERMISSIONS,
  type Permission,
  type PermissionDefinition,
  PROJECT_ROLES,
} from '../../access/catalog.ts';
import { decide, type Trace, trace } from '../../access/decide.ts';
import type { Decision, Grants } from '../../access/model.ts';
import { STEP_KINDS, type Step } from '../../access/steps.ts';
import type { Context } from '../../context.ts';
import { arrayPage, DEFAULT_PAGE, type Page } from '../../db/page.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { REFUSAL_REASONS } from '../../lib/errors.ts';
import { findGrants } from '../principal/access.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, grantsOf, listPrincipals, type PrincipalRow, visibleIds } from '../principal/service.ts';
import { RoleType } from '../role/ref.ts';
import { textOf } from './explain.ts';
import {
  type Answer,
  authorize,
  isCaller,
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
  description: 'Where a permission is asked.',
  values: {
    ORGANIZATION: { value: 'organization', description: 'On the organization.' },
    PROJECT: { value: 'project', description: 'On a project.' },
    BOTH: { value: 'both', description: 'On the organization or on a project.' },
  } as const,
});

const roleEnum = <Key extends string>(name: string, description: string, keys: readonly Key[]) =>
  builder.enumType(name, {
    description,
    values: Object.fromEntries(
      keys.map((key) => [key.toUpperCase(), { value: key, description: `The role ${key}.` }]),
    ) as Record<string, { value: Key; description: string }>,
  });

const BuiltInRoleEnum = roleEnum(
  'BuiltInRole',
  'The roles that every organization has. Each contains the one before it.',
  BUILT_IN_ROLES,
);
const ProjectRoleEnum = roleEnum(
  'BuiltInProjectRole',
  'The roles that every project has. Owner contains Manager, Manager Member, Member Read; Write is what the organization role Write has in a project.',
  PROJECT_ROLES,
);

const PermissionDefinitionType = builder.objectRef<PermissionDefinition>('PermissionDefinition').implement({
  description: 'A row of the permission catalog.',
  public: true,
  fields: (t) => ({
    name: t.field({ type: 'Permission', description: 'Its name.', resolve: (row) => row.name }),
    level: t.field({ type: PermissionLevel, description: 'Where it is asked.', resolve: (row) => row.level }),
    description: t.exposeString('description', { description: 'What it allows.' }),
    builtInRoles: t.field({
      type: [BuiltInRoleEnum],
      description: 'The built-in organization roles that have it, the least first.',
      resolve: (row) => row.builtInRoles,
    }),
    projectRoles: t.field({
      type: [ProjectRoleEnum],
      description: 'The built-in project roles that have it.',
      resolve: (row) => row.projectRoles,
    }),
  }),
});

builder.queryField('permissions', (t) =>
  t.field({
    type: [PermissionDefinitionType],
    public: true,
    description:
      'The permission catalog: everything that a guard can ask for, and what other services ask `authorize` about. The same for every caller.',
    complexity: 10,
    resolve: () => [...PERMISSIONS.values()],
  }),
);

const RefusalReasonEnum = builder.enumType('RefusalReason', {
  description: 'Why something is refused, as in `extensions.reason` of a FORBIDDEN error.',
  values: described(REFUSAL_REASONS),
});

const TARGET = 'The organization or a project. Defaults to the organization.';
const PRINCIPAL = 'A member, service account or user. Defaults to the caller.';
const OF_OTHERS = { permission: 'access:read', own: (id: string, ctx: Context) => isCaller(ctx, id) } as const;

const AuthorizationRequest = builder.inputType('AuthorizationRequest', {
  description: 'One question: may they do that there?',
  fields: (t) => ({
    permission: t.field({ type: 'Permission', required: true, description: 'What is to be done.' }),
    target: t.id({
      visibleWith: 'project:read',
      own: true,
      description:
        'The organization or a project; the organization unless told. What lives elsewhere is asked on its project.',
    }),
    principal: t.id({ ...OF_OTHERS, description: PRINCIPAL }),
  }),
});

const Authorization = builder.objectRef<Answer>('Authorization').implement({
  description: 'The answer to one question.',
  public: true,
  fields: (t) => ({
    allowed: t.exposeBoolean('allowed', { description: 'Whether they may.' }),
    reason: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'Why not; null when they may.',
      resolve: (answer) => answer.reason,
    }),
  }),
});

builder.queryField('authorize', (t) =>
  t.field({
    type: [Authorization],
    nullable: true,
    own: true,
    description: `May they? Answers up to ${MAX_QUESTIONS} questions in their order: what other services ask on every request of theirs.`,
    args: {
      requests: t.arg({
        type: [AuthorizationRequest],
        required: true,
        description: `The questions, at most ${MAX_QUESTIONS}.`,
      }),
    },
    complexity: (args) => ({ field: 1, multiplier: Math.max(args.requests.length, 1) }),
    resolve: (_root, { requests }, ctx) => authorize(ctx, requests),
  }),
);

const StepKind = builder.enumType('AccessStepKind', {
  description: 'What a step of a decision checks.',
  values: described(STEP_KINDS),
});

const AccessStep = builder.objectRef<Step>('AccessStep').implement({
  description: 'One rule of a decision and its outcome.',
  public: true,
  fields: (t) => ({
    kind: t.field({ type: StepKind, description: 'What the step checks.', resolve: (step) => step.kind }),
    passed: t.exposeBoolean('passed', {
      description: 'Whether the step passed. The first step that does not pass ends the decision.',
    }),
    text: t.string({ description: 'The outcome of the step as a sentence.', resolve: textOf }),
  }),
});

const refusalOf = (decision: Decision) => (decision.allowed ? null : decision);

const AccessExplanation = builder.objectRef<Trace>('AccessExplanation').implement({
  description: 'A decision with its steps.',
  public: true,
  fields: (t) => ({
    allowed: t.boolean({ description: 'Whether they may.', resolve: ({ decision }) => decision.allowed }),
    reason: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'Why not; null when they may.',
      resolve: ({ decision }) => refusalOf(decision)?.reason ?? null,
    }),
    message: t.string({
      nullable: true,
      description: 'Why not, for people.',
      resolve: ({ decision }) => refusalOf(decision)?.message ?? null,
    }),
    hint: t.string({
      nullable: true,
      description: 'What would grant it.',
      resolve: ({ decision }) => refusalOf(decision)?.hint ?? null,
    }),
    steps: t.field({
      type: [AccessStep],
      description: 'The steps of the decision, in the order of the rules.',
      resolve: ({ steps }) => steps,
    }),
  }),
});

const MatrixEntry = builder.objectRef<Decision>('AccessMatrixEntry').implement({
  description: 'What one principal may do, and where that comes from.',
  public: true,
  fields: (t) => ({
    permission: t.field({
      type: 'Permission',
      description: 'The permission.',
      resolve: (decision) => decision.permission,
    }),
    allowed: t.boolean({ description: 'Whether they may.', resolve: (decision) => decision.allowed }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The role that grants it; null when they may not.',
      resolve: (decision) => (decision.allowed ? decision.because.role : null),
    }),
    reason: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'Why not; null when they may.',
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
  description: 'A row of the access matrix: one principal.',
  permission: 'access:read',
  fields: (t) => ({
    principal: t.field({ type: Principal, nullable: true, description: 'Who.', resolve: (row) => row.principal }),
    entries: t.field({
      type: [MatrixEntry],
      description: 'What they may do, in the order of the catalog.',
      resolve: ({ grants, target, permissions }) =>
        grants ? permissions.map((permission) => decide(unrestricted(grants), permission, target)) : [],
    }),
  }),
});

/** Everybody who may do it there, in the order of joining. */
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
    description: 'Whether a principal may do something, with every step of the decision, whether allowed or refused.',
    args: {
      principal: t.arg.id({ ...OF_OTHERS, description: PRINCIPAL }),
      permission: t.arg({ type: 'Permission', required: true, description: 'What is to be done.' }),
      target: t.arg.id({ visibleWith: 'project:read', own: true, description: TARGET }),
    },
    resolve: async (_root, { principal, permission, target }, ctx) =>
      trace(await requireHolder(ctx, principal), requirePermission(permission), await requireTarget(ctx, target)),
  }),
  permissionsOf: t.field({
    type: ['Permission'],
    nullable: true,
    own: true,
    description: 'Everything that they may do there.',
    args: {
      principal: t.arg.id({ ...OF_OTHERS, description: PRINCIPAL }),
      target: t.arg.id({ visibleWith: 'project:read', own: true, description: TARGET }),
    },
    resolve: async (_root, { principal, target }, ctx) =>
      permissionsOf(await requireHolder(ctx, principal), await requireTarget(ctx, target)),
  }),
  whoCan: t.connection(
    {
      type: Principal,
      nullable: true,
      permission: 'access:read',
      description: 'Everybody who may do it there, in the order of joining.',
      // Whatever the page, everybody is looked at.
      complexity: (args) => ({ field: 500, multiplier: Math.max(args.first ?? args.last ?? DEFAULT_PAGE, 1) }),
      args: {
        permission: t.arg({ type: 'Permission', required: true, description: 'What is to be done.' }),
        target: t.arg.id({ visibleWith: 'project:read', own: true, description: TARGET }),
      },
      resolve: async (_root, { permission, target, ...args }, ctx) => {
        const place = await requireTarget(ctx, target);
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
        'Principals × permissions at one place, with the source of each grant. Members and service accounts in the order of joining.',
      // Rows times columns, of which a list counts ten by itself; but never less than the rows.
      complexity: (args) => ({
        field: 1,
        multiplier:
          (args.first ?? args.last ?? DEFAULT_PAGE) * Math.max((args.permissions?.length ?? PERMISSIONS.size) / 10, 1),
      }),
      args: {
        target: t.arg.id({ visibleWith: 'project:read', own: true, description: TARGET }),
        permissions: t.arg({ type: ['Permission'], description: 'The columns; the whole catalog unless told.' }),
      },
      resolve: async (_root, { target, permissions, ...args }, ctx) => {
        const place = await requireTarget(ctx, target);
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
