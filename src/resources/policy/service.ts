import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { requireHeld } from '../../access/escalation.ts';
import { matchingPermissions, validatePattern } from '../../access/pattern.ts';
import { type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { containing, type SearchFilter } from '../../db/search.ts';
import { invalid, notFound, type UserError, userError } from '../../lib/errors.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { lockOrganization } from '../organization/service.ts';
import { findCustomRoles, requireStill } from '../principal/access.ts';
import { type AccessChanged, changeAccess } from '../principal/change-access.ts';
import { assignments, rolePolicies, roles } from '../role/table.ts';
import { policies, type Statement } from './table.ts';

export type PolicyRow = typeof policies.$inferSelect;

const rows = rowsOf(policies, 'pol');

/** The policy. Null if it does not exist or is not visible to the caller. */
export async function findPolicy(ctx: Context, id: string): Promise<PolicyRow | null> {
  const row = await rows.find(ctx, id);
  return row && ctx.unit.access.sees('policy:read', row.projectId) ? row : null;
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

/** The policies of one project, or of the organization. */
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

const StatementInput = z.object({
  effect: z.enum(['ALLOW', 'DENY']),
  permissions: z.array(z.string().max(100)).min(1).max(200),
});
const Create = z.object({
  name: singleLine(100),
  description: multiLine(2000),
  statements: z.array(StatementInput).min(1).max(50),
});

/** The maximum number of patterns in a policy, and of errors that are reported for them. */
const PATTERNS = 500;
const MAX_REPORTED = 20;

/** Throws unless every pattern matches a permission and the caller has all permissions that the policy grants. */
function checkStatements(ctx: Context, statements: Statement[], projectId: string | null): void {
  if (statements.reduce((total, { permissions }) => total + permissions.length, 0) > PATTERNS)
    throw invalid(userError('TOO_LONG', 'statements', `statements: a policy has at most ${PATTERNS} patterns.`));
  const complaints = complaintsAbout(ctx, statements);
  if (complaints.length > 0) throw invalid(...complaints);
  const allowed = statements.filter(({ effect }) => effect === 'ALLOW').flatMap(({ permissions }) => permissions);
  requireHeld(ctx.unit.access, new Set([...new Set(allowed)].flatMap(matchingPermissions)), projectId, 'This policy');
}

function complaintsAbout(_ctx: Context, statements: Statement[]): UserError[] {
  const complaints: UserError[] = [];
  for (const [at, { permissions }] of statements.entries())
    for (const [index, pattern] of permissions.entries()) {
      const complaint = complaints.length < MAX_REPORTED ? validatePattern(pattern) : null;
      const path = ['statements', String(at), 'permissions', String(index)];
      if (complaint) complaints.push(userError('INVALID', path, `${complaint}.`));
    }
  return complaints;
}

export async function createPolicy(ctx: Context, projectId: string | null, input: unknown): Promise<PolicyRow> {
  ctx.unit.access.requireFeature('customRoles');
  const given = parse(Create, input);
  checkStatements(ctx, given.statements, projectId);
  return await rows.insert(ctx, { ...given, projectId, createdAt: ctx.dependencies.clock() });
}

export async function updatePolicy(
  ctx: Context,
  policy: PolicyRow,
  { dryRun, ...input }: { dryRun?: boolean | null | undefined },
): Promise<AccessChanged<PolicyRow>> {
  ctx.unit.access.requireFeature('customRoles');
  const changes = parse(Create.partial(), input);
  if (changes.statements) checkStatements(ctx, changes.statements, policy.projectId);
  return await changeAccess(ctx, {
    permission: 'policy:update',
    target: policy.projectId,
    affected: async () => holdersOf(ctx, await rolesWith(ctx, policy.id)),
    dryRun: dryRun ?? false,
    apply: async () => await rows.update(ctx, await rows.lock(ctx, policy.id), changes),
  });
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
      .select()
      .from(roles)
      .where(and(eq(roles.organizationId, tenant(ctx)), isAnyOf(roles.id, used)))
      .orderBy(roles.name);
    const visible = found.filter((role) => ctx.unit.access.sees('role:read', role.projectId));
    const names = visible
      .slice(0, 5)
      .map(({ name }) => `“${name}”`)
      .join(', ');
    const compiled = await findCustomRoles(
      ctx,
      visible.map(({ id }) => id),
    );
    throw invalid({
      ...userError(
        'IN_USE',
        'id',
        // Without a count, because roles of projects that the caller cannot read must not be visible.
        `Roles contain this policy${names && `, such as ${names}`}. Update or delete them first.`,
      ),
      usedBy: visible.flatMap(({ id }) => ({ __typename: 'Role', ...compiled.get(id) })),
    });
  }
  return await rows.remove(ctx, locked);
}
