import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { refusal } from '../../access/access.ts';
import { loadGrants } from '../../access/grants.ts';
import { ROLES } from '../../access/roles.ts';
import { audit, type Context, db, setActor, setTenant, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import type { LockStrength } from '../../data/rows.ts';
import { organizationSecrets } from '../../identity/table.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { newId, publicRow, toPublicId } from '../../lib/ids.ts';
import { parse, singleLine, slug } from '../../lib/input.ts';
import { beginPlanPeriod } from '../billing/history.ts';
import { checks } from '../check/table.ts';
import { checkResults } from '../check-result/table.ts';
import { requireSession, requireStill } from '../principal/access.ts';
import { addMember } from '../principal/membership.ts';
import { assign } from '../principal/service.ts';
import { memberships } from '../principal/table.ts';
import { assignments, rolePolicies } from '../role/table.ts';
import { createDefaultRubric, lockRubric } from '../rubric/service.ts';
import { sessions } from '../session/table.ts';
import { users } from '../user/table.ts';
import { organizationSlugs, organizations } from './table.ts';

export type OrganizationRow = typeof organizations.$inferSelect;

/** The bound organization, or null. Row-level security hides all others. */
export const findOrganization = loaderOf<OrganizationRow>(async (ctx, ids) =>
  ids.some((id) => id === ctx.unit.binding.organizationId)
    ? await (await db(ctx))
        .select()
        .from(organizations)
        .where(eq(organizations.id, tenant(ctx)))
    : [],
);

const Create = z.object({ name: singleLine(100), slug });

/** The range of `apiTokenMaxDays`. */
export const TOKEN_DAYS = { min: 1, max: 3_650 };

const Update = Create.partial().extend({
  apiTokenMaxDays: z.int().min(TOKEN_DAYS.min).max(TOKEN_DAYS.max).nullish(),
});

/** The row for the audit log. `updateBillingContact` and `billing:read` have the address for billing. */
const snapshotOf = ({ billingEmail: _, ...row }: OrganizationRow) => publicRow('org', row);

export async function createOrganization(ctx: Context, input: unknown): Promise<OrganizationRow> {
  const { userId } = requireSession(ctx);
  const { organization, principalId } = await insertOrganization(ctx, userId, parse(Create, input));
  const { id, slug, name } = organization;
  // The payload is resolved as the Owner of the new organization. The session stays bound to the former one.
  const grants = await loadGrants(await db(ctx), id, organization.plan, ctx.dependencies.clock(), [principalId]);
  const principal = { id: principalId, name: ctx.unit.actor.user?.name ?? '' };
  setActor(ctx, {
    ...ctx.unit.actor,
    organization: { id, slug, name },
    principal,
    grants: grants.get(principalId) ?? null,
  });
  return organization;
}

/** Inserts the organization with its rubric and its Owner. The transaction is bound to the new organization. */
async function insertOrganization(
  ctx: Context,
  userId: string,
  given: z.output<typeof Create>,
): Promise<{ organization: OrganizationRow; principalId: string }> {
  const id = newId();
  setTenant(ctx, { organizationId: id, userId });
  const tx = await db(ctx);
  await requireMayCreate(ctx, userId);
  const values = { id, ...given, plan: ctx.dependencies.config.defaultPlan, createdAt: ctx.dependencies.clock() };
  const [, [organization]] = await Promise.all([
    tx.insert(organizationSlugs).values({ slug: given.slug, organizationId: id }),
    tx.insert(organizations).values(values).returning(),
  ]);
  const owner = await addMember(ctx, newId());
  const role = ROLES[0];
  if (role?.builtIn !== 'owner') throw new Error('the first built-in role is the Owner');
  await beginPlanPeriod(ctx, organization?.plan ?? 'FREE', owner.id);
  await assign(ctx, owner.id, { role, expiresAt: null, fallback: null });
  await createDefaultRubric(ctx);
  audit(ctx, { organizationId: id, targetId: toPublicId('org', id), after: organization && snapshotOf(organization) });
  return { organization: organization as OrganizationRow, principalId: owner.id };
}

/** On a server that is closed to strangers, invited people must not create organizations without any limit of a plan. */
async function requireMayCreate(ctx: Context, userId: string): Promise<void> {
  if (ctx.dependencies.config.signUp === 'open') return;
  const [user] = await (await db(ctx))
    .select({ may: users.mayCreateOrganizations })
    .from(users)
    .where(eq(users.id, userId));
  if (!user?.may)
    throw refusal(
      'ORGANIZATIONS_CLOSED',
      'Your account may not create organizations on this server.',
      'Ask the operator of the server to run: npm start -- create-owner EMAIL',
    );
}

/**
 * Locks the organization, so that changes and counts of its objects run one after the other. The lock `update` is for its
 * deletion, because it also blocks inserts into other tables, which refer to the organization. Such an insert often holds a lock
 * that the caller needs next, and both would wait for each other.
 */
export async function lockOrganization(
  ctx: Context,
  strength: LockStrength = 'no key update',
): Promise<OrganizationRow> {
  const [row] = await (await db(ctx))
    .select()
    .from(organizations)
    .where(eq(organizations.id, tenant(ctx)))
    .for(strength);
  if (!row) throw notFound('Organization');
  return row;
}

export async function updateOrganization(ctx: Context, input: unknown): Promise<OrganizationRow> {
  const changes = parse(Update, input);
  const before = await lockOrganization(ctx);
  await requireStill(ctx, 'organization:update');
  if (extendsTokens(before, changes)) requireSession(ctx);
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const after = Object.keys(given).length > 0 ? await write(ctx, given) : before;
  audit(ctx, { targetId: toPublicId('org', before.id), before: snapshotOf(before), after: snapshotOf(after) });
  return after;
}

/** Whether the update extends the lifetime of tokens. It requires a session, so that no token extends its own lifetime. */
function extendsTokens(before: OrganizationRow, { apiTokenMaxDays: after }: z.output<typeof Update>): boolean {
  const [had, has] = [before.apiTokenMaxDays, after];
  return had !== null && has !== undefined && (has === null || has > had);
}

async function write(ctx: Context, changes: Partial<OrganizationRow>): Promise<OrganizationRow> {
  const tx = await db(ctx);
  const { slug } = changes;
  const ofSlug = eq(organizationSlugs.organizationId, tenant(ctx));
  const [, [row]] = await Promise.all([
    slug !== undefined && tx.update(organizationSlugs).set({ slug }).where(ofSlug),
    tx
      .update(organizations)
      .set(changes)
      .where(eq(organizations.id, tenant(ctx)))
      .returning(),
  ]);
  return row as OrganizationRow;
}

/** Deletes the organization with its objects, sessions and tokens. The audit log remains. */
export async function deleteOrganization(ctx: Context, input: { slug: string }): Promise<string> {
  // The rubric is locked first, as in a change of its levels. Another order would cause deadlocks.
  await lockRubric(ctx);
  const before = await lockOrganization(ctx, 'update');
  await requireStill(ctx, 'organization:delete');
  if (input.slug !== before.slug)
    throw invalid(userError('MISMATCH', 'slug', 'slug: must be the slug of the organization, as a confirmation.'));
  const tx = await db(ctx);
  // Objects in use cannot be deleted, and the order of the cascade is not defined.
  await tx.delete(checks).where(eq(checks.organizationId, tenant(ctx)));
  await tx.delete(assignments).where(eq(assignments.organizationId, tenant(ctx)));
  await tx.delete(rolePolicies).where(eq(rolePolicies.organizationId, tenant(ctx)));
  await tx.delete(organizations).where(eq(organizations.id, tenant(ctx)));
  // Results have no foreign keys. The deletion of the services has waited for the transactions that insert results.
  await tx.delete(checkResults).where(eq(checkResults.organizationId, tenant(ctx)));
  // No foreign key refers from a table of the instance to the organization.
  for (const { organizationId } of [organizationSlugs, organizationSecrets, memberships, sessions])
    await tx.delete(organizationId.table).where(eq(organizationId, tenant(ctx)));
  audit(ctx, { targetId: toPublicId('org', before.id), before: snapshotOf(before), after: null });
  return toPublicId('org', before.id);
}
