import type { GraphQLResolveInfo } from 'graphql';
import { permissionsOf, type Target, unrestricted } from '../../access/access.ts';
import { PERMISSIONS, type Permission } from '../../access/catalog.ts';
import { decide, trace } from '../../access/decide.ts';
import { loadPrincipalRoles } from '../../access/load-principal-roles.ts';
import type { Decision, Grants } from '../../access/model.ts';
import { isOwned, projectOf } from '../../access/ownership.ts';
import { grantsWithRoles } from '../../access/principal-roles.ts';
import { type Context, db, tenant } from '../../context.ts';
import { arrayPage, DEFAULT_PAGE, type Page } from '../../db/page.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { scopesOf } from '../../graphql/scopes.ts';
import { SEARCH_COST } from '../../graphql/search.ts';
import { getOrAdd } from '../../lib/maps.ts';
import { forEachInSlices } from '../../lib/slices.ts';
import { findGrants, planOf } from '../principal/access.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, listPrincipals, type PrincipalRow, visibleIds } from '../principal/service.ts';
import { RoleType } from '../role/ref.ts';
import { AccessExplanation, RefusalReasonEnum, refusalOf } from './explanation-graphql.ts';
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

const TARGET =
  'The ID of the caller’s organization, of a project, of a service, or of another object that is visible to the caller. For another object, the permission is checked on its project or service, or on the organization if it belongs to none. Defaults to the organization.';

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

/** All principals that have the permission on the target, in the order of joining. Each combination of roles is decided once. */
async function whoCan(ctx: Context, permission: Permission, target: Target): Promise<{ id: string }[]> {
  const projectId = projectOf(target);
  const { principalRoles, roles } = await loadPrincipalRoles(await db(ctx), tenant(ctx), { projectId });
  const visible = await visibleIds(ctx);
  const [plan, now] = [planOf(ctx), ctx.dependencies.clock()];
  const decided = new Map<string, boolean>();
  const found: { id: string }[] = [];
  await forEachInSlices([...visible].sort(), (id) => {
    const held = principalRoles.get(id);
    if (!held) return;
    const key = JSON.stringify([held.assigned, projectId && held.projects.get(projectId), isOwned(held, target)]);
    const isAllowed = (): boolean =>
      decide(unrestricted(grantsWithRoles(held, roles, plan, now)), permission, target).allowed;
    if (getOrAdd(decided, key, isAllowed)) found.push({ id });
  });
  return found;
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
      complexity: (args) => ({ field: SEARCH_COST, multiplier: Math.max(args.first ?? args.last ?? DEFAULT_PAGE, 1) }),
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
        const ids = page.edges.map(({ node }) => node.id);
        const grants = await findGrants(ctx, ids, place);
        const rowOf = (principal: PrincipalRow): MatrixRow => ({
          principal,
          grants: grants.get(principal.id),
          target: place,
          permissions: columns,
        });
        return { ...page, edges: page.edges.map(({ cursor, node }) => ({ cursor, node: rowOf(node) })) };
      },
    },
    connectionOf(MatrixRowType),
  ),
}));
