import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { summaryOf } from '../../access/compile.ts';
import { type Context, db, tenant } from '../../context.ts';
import { pagesOf } from '../../data/loader.ts';
import { rowsOf } from '../../data/rows.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { containing, type SearchFilter } from '../../db/search.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { limitText, ROLE_LIMITS } from '../../lib/limits.ts';
import { lockOrganization } from '../organization/service.ts';
import { requireStill } from '../principal/access.ts';
import { type AccessChanged, changeAccessOfMany } from '../principal/change-access.ts';
import { assignments, rolePolicies, roles } from '../role/table.ts';
import { findLargeRole, limitExceeded, requireRoomForPolicy } from './limits.ts';
import { checkStatements, countPatterns, Statements } from './statements.ts';
import { policies, type Statement } from './table.ts';

export type PolicyRow = typeof policies.$inferSelect;

const rows = rowsOf(policies, 'pol');

/** The policy. Null if it does not exist or is not visible to the caller. */
export async function findPolicy(ctx: Context, id: string): Promise<PolicyRow | null> {
  const row = await rows.find(ctx, id);
  return row && ctx.unit.access.can('policy:read', row.projectId) ? row : null;
}

/** A policy of the organization or of a project by its name. */
export async function findPolicyByName(
  ctx: Context,
  projectId: string | null,
  name: string,
): Promise<PolicyRow | null> {
  const inScope = projectId ? eq(policies.projectId, projectId) : isNull(policies.projectId);
  const [found] = await (await db(ctx))
    .select({ id: policies.id })
    .from(policies)
    .where(and(eq(policies.organizationId, tenant(ctx)), inScope, sql`lower(${policies.name}) = lower(${name})`));
  return found ? await findPolicy(ctx, found.id) : null;
}

export async function getPolicy(ctx: Context, id: string): Promise<PolicyRow> {
  const row = await findPolicy(ctx, id);
  if (!row) throw notFound('Policy');
  return row;
}

/** The policies of projects, by name. */
export const listPoliciesOfProject = pagesOf<PolicyRow>((ctx) => ({
  reader: rows.reader,
  where: (project) => and(eq(policies.organizationId, tenant(ctx)), sql`${policies.projectId} = ${project}`) as SQL,
  asked: (project) => [tenant(ctx), 'project', project],
  order: [
    { column: policies.name, key: (row) => row.name },
    { column: policies.id, key: (row) => row.id },
  ],
}));

/** The policies of one project, or of the organization, by name. */
export async function listPolicies(
  ctx: Context,
  projectId: string | null,
  { filter, ...args }: PageArgs & { filter?: SearchFilter | null | undefined },
): Promise<Page<PolicyRow>> {
  const inScope = projectId ? eq(policies.projectId, projectId) : isNull(policies.projectId);
  const found = containing([policies.name], filter?.search ?? '');
  const where = and(eq(policies.organizationId, tenant(ctx)), inScope, found) as SQL;
  const order = [
    { column: policies.name, key: (row: PolicyRow) => row.name },
    { column: policies.id, key: (row: PolicyRow) => row.id },
  ];
  return await listPage<PolicyRow>(
    await db(ctx),
    { reader: rows.reader, where, asked: [tenant(ctx), projectId, filter ?? {}], order },
    args,
  );
}

const Create = z.object({
  name: singleLine(100),
  description: multiLine(2000),
  statements: Statements.min(1),
});

function check(ctx: Context, statements: Statement[], projectId: string | null): void {
  if (countPatterns(statements) > ROLE_LIMITS.patternsPerPolicy)
    throw limitExceeded('statements', `statements: a policy has at most ${limitText('patternsPerPolicy')} patterns.`);
  checkStatements(ctx, statements, projectId, 'This policy');
}

export async function createPolicy(ctx: Context, projectId: string | null, input: unknown): Promise<PolicyRow> {
  ctx.unit.access.requireFeature('customRoles');
  const given = parse(Create, input);
  check(ctx, given.statements, projectId);
  await lockOrganization(ctx);
  await requireStill(ctx, 'policy:create', projectId);
  await requireRoomForPolicy(ctx);
  return await rows.insert(ctx, { ...given, projectId, createdAt: ctx.dependencies.clock() });
}

export async function updatePolicy(
  ctx: Context,
  policy: PolicyRow,
  { dryRun, ...input }: { dryRun?: boolean | null | undefined },
): Promise<AccessChanged<PolicyRow>> {
  ctx.unit.access.requireFeature('customRoles');
  const changes = parse(Create.partial(), input);
  if (changes.statements) check(ctx, changes.statements, policy.projectId);
  return await changeAccessOfMany(ctx, {
    permission: 'policy:update',
    target: policy.projectId,
    affected: async () => holdersOf(ctx, await rolesWith(ctx, policy.id)),
    keepsAssignments: true,
    dryRun: dryRun ?? false,
    apply: async () => {
      const row = await rows.update(ctx, await rows.lock(ctx, policy.id), changes);
      if (changes.statements) await requireSmallRoles(ctx, await rolesWith(ctx, policy.id));
      return row;
    },
  });
}

/** Throws if a role with the policy has too many patterns now. */
async function requireSmallRoles(ctx: Context, roleIds: string[]): Promise<void> {
  const large = await findLargeRole(ctx, roleIds);
  if (!large) return;
  const name = ctx.unit.access.can('role:read', large.project_id) ? `The role “${large.name}”` : 'A role';
  throw limitExceeded(
    'statements',
    `statements: ${name} with this policy would have more than ${limitText('patternsPerRole')} patterns.`,
  );
}

const rolesWith = async (ctx: Context, policyId: string): Promise<string[]> =>
  (
    await (
      await db(ctx)
    )
      .select({ id: rolePolicies.roleId })
      .from(rolePolicies)
      .where(and(eq(rolePolicies.organizationId, tenant(ctx)), eq(rolePolicies.policyId, policyId)))
  ).map(({ id }) => id);

/** Principals with one of the roles, now or as a fallback. */
export async function holdersOf(ctx: Context, roleIds: string[]): Promise<string[]> {
  if (roleIds.length === 0) return [];
  const found = await (await db(ctx))
    .selectDistinct({ id: assignments.principalId })
    .from(assignments)
    .where(
      and(
        eq(assignments.organizationId, tenant(ctx)),
        or(isAnyOf(assignments.roleId, roleIds), isAnyOf(assignments.fallbackRoleId, roleIds)),
      ),
    );
  return found.map(({ id }) => id);
}

export async function deletePolicy(ctx: Context, policy: PolicyRow): Promise<string> {
  await lockOrganization(ctx);
  await requireStill(ctx, 'policy:delete', policy.projectId);
  const locked = await rows.lock(ctx, policy.id);
  const used = await rolesWith(ctx, policy.id);
  if (used.length > 0) {
    const found = await (await db(ctx))
      .select({ id: roles.id, name: roles.name, description: roles.description, projectId: roles.projectId })
      .from(roles)
      .where(and(eq(roles.organizationId, tenant(ctx)), isAnyOf(roles.id, used)))
      .orderBy(roles.name);
    const visible = found.filter((role) => ctx.unit.access.can('role:read', role.projectId));
    const names = visible
      .slice(0, 5)
      .map(({ name }) => `“${name}”`)
      .join(', ');
    throw invalid({
      ...userError(
        'IN_USE',
        'id',
        // Without a count, because roles of projects that the caller cannot read must not be visible.
        `Roles contain this policy${names && `, such as ${names}`}. Update or delete them first.`,
      ),
      usedBy: visible.map((role) => ({ __typename: 'Role', ...summaryOf(role) })),
    });
  }
  return await rows.remove(ctx, locked);
}
