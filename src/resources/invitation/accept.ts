import { and, eq } from 'drizzle-orm';
import type { Access } from '../../access/access.ts';
import { grantsOfPrincipal } from '../../access/grants.ts';
import type { Role } from '../../access/model.ts';
import { findBuiltIn, isOwnerRole } from '../../access/roles.ts';
import { audit, type Context, db, setActor, setDryRun, setTenant, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { drizzleOn } from '../../db/client.ts';
import { findInvitationAcrossTenants, type InvitationSecret } from '../../identity/across-tenants.ts';
import { AmbitError, invalid, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { hashSecret, isSecret } from '../../lib/secret.ts';
import { lockOrganization, type OrganizationRow } from '../organization/service.ts';
import { countMembers } from '../plan/service.ts';
import { findAnyRole, requireSession } from '../principal/access.ts';
import { auditedRoles } from '../principal/audit.ts';
import type { AccessChanged } from '../principal/change-access.ts';
import { changeAccess } from '../principal/change-access.ts';
import { assign, isAssignableIn, type PrincipalRow, roleColumns } from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';
import { assignments } from '../role/table.ts';
import { gainsOf, type OfferedRoles } from './access-changes.ts';
import { type InvitationRow, invitationShown, takeInvitation } from './service.ts';

/** The part of an invitation that is visible to everybody who has its secret. */
export interface InvitationOffer {
  organizationName: string;
  email: string;
  roleName: string;
  expiresAt: Date;
}

/**
 * The same error for a secret that is unknown, used, revoked, expired or another person's, and for an invitation that is
 * invalid because a role or project was deleted or the inviter no longer has its permissions.
 */
const noInvitation = (): AmbitError =>
  invalid(
    userError(
      'NOT_FOUND',
      'secret',
      'secret: the invitation does not exist, has ended, or was sent to another address. Ask for a new one.',
    ),
  );

/** Counts as an attempt of the IP address, also if it succeeds. A malformed secret is not looked up. */
async function find(ctx: Context, secret: string): Promise<InvitationSecret | null> {
  await ctx.dependencies.identity.limiter.count({ address: ctx.address });
  if (!isSecret('ambit_inv_', secret)) return null;
  const row = await findInvitationAcrossTenants(drizzleOn(ctx.dependencies.pool.sql), hashSecret(secret));
  return row && new Date(row.expires_at) > ctx.dependencies.clock() ? row : null;
}

export async function findOffer(ctx: Context, secret: string): Promise<InvitationOffer | null> {
  const row = await find(ctx, secret);
  const roleName = row && (findBuiltIn(row.role_id)?.name ?? row.role_name);
  if (!row || !roleName) return null;
  return { organizationName: row.organization_name, email: row.email, roleName, expiresAt: new Date(row.expires_at) };
}

export interface AcceptedInvitation {
  organization: OrganizationRow;
  member: PrincipalRow;
}

interface AcceptInput {
  secret: string;
  dryRun?: boolean | null | undefined;
}

/** The result of a dry run is null. */
export async function acceptInvitation(
  ctx: Context,
  { secret, dryRun }: AcceptInput,
): Promise<AccessChanged<AcceptedInvitation | null>> {
  const { userId } = requireSession(ctx);
  const caller = ctx.unit.actor;
  const found = await find(ctx, secret);
  if (!found || !sameAddress(found.email, ctx.unit.actor.user?.email ?? '')) throw noInvitation();
  setTenant(ctx, { organizationId: found.organization_id, userId });
  try {
    const accepted = await join(ctx, userId, secret);
    if (!dryRun) return accepted;
    setDryRun(ctx);
    // After a dry run, the organization is not visible, because the caller has not joined it.
    setActor(ctx, caller);
    return { ...accepted, result: null };
  } catch (error) {
    // The organization was deleted, or the inviter lacks the permission.
    if (error instanceof AmbitError && (error.code === 'NOT_FOUND' || error.code === 'FORBIDDEN')) throw noInvitation();
    throw error;
  }
}

/** Both are ASCII (see `email` in input.ts), so JavaScript and PostgreSQL fold the case in the same way. */
const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Creates the member with the offered roles. The inviter must still be able to give them. */
async function join(ctx: Context, userId: string, secret: string): Promise<AccessChanged<AcceptedInvitation>> {
  const organization = await lockOrganization(ctx);
  const invitation = await takeInvitation(ctx, secret);
  if (!invitation) throw noInvitation();
  const principalId = newId();
  const { result, after } = await changeAccess(ctx, {
    permission: 'invitation:create',
    by: invitation.inviterId,
    affected: () => [principalId],
    dryRun: false,
    apply: async ({ access }) => {
      const offered = await offeredBy(ctx, invitation, access);
      return { offered, member: await makeMember(ctx, { id: principalId, userId }, offered) };
    },
  });
  const { member, offered } = result;
  const { id, plan, slug, name } = organization;
  const accepted = await invitationShown(ctx, invitation);
  audit(ctx, {
    organizationId: id,
    targetId: toPublicId('mem', principalId),
    before: null,
    after: auditedRoles(member, after),
    related: [{ targetId: accepted.id, before: accepted, after: null }],
  });
  // The response shows the organization as the new member sees it. The session stays bound to its own organization.
  setActor(ctx, {
    ...ctx.unit.actor,
    organization: { id, slug, name },
    principal: { id: principalId, name: ctx.unit.actor.user?.name ?? '' },
    grants: grantsOfPrincipal(after, principalId, plan, ctx.dependencies.clock()) ?? null,
  });
  return { result: { organization, member }, accessChanges: gainsOf(principalId, plan, offered) };
}

/**
 * The roles of the invitation, if all of them exist. Throws PLAN_REQUIRED if the plan no longer includes them. The
 * invitation stays valid, so it can be accepted later.
 */
async function offeredBy(ctx: Context, invitation: InvitationRow, inviter: Access): Promise<OfferedRoles> {
  const role = await roleIn(ctx, invitation.roleId, null);
  if (isOwnerRole(role)) throw noInvitation();
  const projectIds = invitation.projectRoles.map(({ projectId }) => projectId);
  await requireProjects(ctx, projectIds);
  const projectRoles = [];
  for (const { projectId, roleId } of invitation.projectRoles)
    projectRoles.push({ projectId, role: await roleIn(ctx, roleId, projectId) });
  if (projectRoles.length > 0) inviter.requireFeature('projectRoles');
  if ([role, ...projectRoles.map((own) => own.role)].some((one) => one.builtIn === null))
    inviter.requireFeature('customRoles');
  // The invitation already counts as a seat, unless the plan was downgraded.
  inviter.requireRoom('seats', { usage: await countMembers(ctx), added: 1 });
  return { role, projectRoles };
}

async function roleIn(ctx: Context, id: string, scope: string | null): Promise<Role> {
  const role = await findAnyRole(ctx, id);
  if (!role || !isAssignableIn(role, scope)) throw noInvitation();
  return role;
}

/** Requires that all projects exist, and locks them until the end of the transaction. */
async function requireProjects(ctx: Context, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  const found = await (await db(ctx))
    .select({ id: projects.id })
    .from(projects)
    .where(and(eq(projects.organizationId, tenant(ctx)), isAnyOf(projects.id, ids)))
    .for('key share');
  if (found.length < ids.length) throw noInvitation();
}

async function makeMember(
  ctx: Context,
  person: { id: string; userId: string },
  { role, projectRoles }: OfferedRoles,
): Promise<PrincipalRow> {
  const tx = await db(ctx);
  const organizationId = tenant(ctx);
  const createdAt = ctx.dependencies.clock();
  const [member] = await tx
    .insert(principals)
    .values({ ...person, organizationId, createdAt })
    .returning();
  await assign(ctx, person.id, { role, expiresAt: null, fallback: null });
  const rows = projectRoles.map(({ projectId, role: own }) => ({
    organizationId,
    principalId: person.id,
    projectId,
    ...roleColumns(own),
    createdAt,
  }));
  if (rows.length > 0) await tx.insert(assignments).values(rows);
  return member as PrincipalRow;
}

/** Requires only the secret, so that an invited person can decline without an account. */
export async function declineInvitation(ctx: Context, { secret }: { secret: string }): Promise<string> {
  const found = await find(ctx, secret);
  if (!found) throw noInvitation();
  setTenant(ctx, { organizationId: found.organization_id, userId: ctx.unit.actor.user?.id ?? null });
  const invitation = await takeInvitation(ctx, secret);
  if (!invitation) throw noInvitation();
  const before = await invitationShown(ctx, invitation);
  audit(ctx, { organizationId: found.organization_id, targetId: before.id, before, after: null });
  // The log of this organization must not contain the caller's roles in another one.
  setActor(ctx, { ...ctx.unit.actor, organization: null, principal: null, grants: null });
  return before.id;
}
