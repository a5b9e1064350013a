import { and, eq, isNull } from 'drizzle-orm';
import type { Access } from '../../access/access.ts';
import { accessChanges } from '../../access/change.ts';
import { type AccessRows, grantsOfPrincipal } from '../../access/grants.ts';
import type { Role } from '../../access/model.ts';
import { rolesByPrincipal } from '../../access/principal-roles.ts';
import { findBuiltIn, isOwnerRole } from '../../access/roles.ts';
import { audit, type Context, db, setActor, setDryRun, setTenant, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { findInvitationAcrossTenants, type InvitationSecret } from '../../identity/across-tenants.ts';
import { AmbitError, invalid, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { networkOf } from '../../lib/network.ts';
import { hashSecret, isSecret } from '../../lib/secret.ts';
import { lockOrganization, type OrganizationRow } from '../organization/service.ts';
import { countMembers } from '../plan/service.ts';
import { findCustomRoles, requireSession } from '../principal/access.ts';
import { auditedRoles } from '../principal/audit.ts';
import type { AccessChanged } from '../principal/change-access.ts';
import { changeAccess } from '../principal/change-access.ts';
import { addMember } from '../principal/membership.ts';
import { assign, isAssignableIn, type PrincipalRow, roleColumns } from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';
import { assignments } from '../role/table.ts';
import { type IssuedSession, issueTokens, type LockedMember, sessionShown } from '../session/issue.ts';
import { sessions } from '../session/table.ts';
import type { OfferedRoles } from './access-changes.ts';
import { isOfProjects, requireMayInvite } from './permissions.ts';
import { type InvitationRow, invitationShown, takeInvitation } from './service.ts';

/** The part of an invitation that is visible to everybody who has its secret. */
export interface InvitationOffer {
  organizationName: string;
  email: string;
  roleName: string;
  projectRoles: { projectName: string; roleName: string }[];
  expiresAt: Date;
}

/**
 * The same error for a secret that is unknown, used, revoked, expired or another person's, and for an invitation that is
 * invalid because a role or project was deleted or the inviter no longer has its permissions.
 */
export const noInvitation = (field = 'secret'): AmbitError =>
  invalid(
    userError(
      'NOT_FOUND',
      field,
      `${field}: the invitation does not exist, has ended, or was sent to another address. Ask for a new one.`,
    ),
  );

/** Counts as an attempt of the network, also if it succeeds. A malformed secret is not looked up. */
async function find(ctx: Context, secret: string): Promise<InvitationSecret | null> {
  await ctx.dependencies.identity.limiter.consume('attemptsPerNetwork', networkOf(ctx.address));
  return await findValid(ctx, secret);
}

async function findValid(ctx: Context, secret: string): Promise<InvitationSecret | null> {
  if (!isSecret('ambit_inv_', secret)) return null;
  const hash = hashSecret(secret);
  const row = await findInvitationAcrossTenants(await ctx.dependencies.identity.lookups.ofSecret(hash), hash);
  return row && new Date(row.expires_at) > ctx.dependencies.clock() ? row : null;
}

/** The valid invitation with this secret, if it was sent to this address. The caller must count the attempt. */
export async function findFor(ctx: Context, secret: string, address: string): Promise<InvitationSecret | null> {
  const found = await findValid(ctx, secret);
  return found && sameAddress(found.email, address) ? found : null;
}

export async function findOffer(ctx: Context, secret: string): Promise<InvitationOffer | null> {
  const row = await find(ctx, secret);
  if (!row) return null;
  const roleName = nameOf(row.role_id, row.role_name);
  const projectRoles = row.project_roles.map((own) => ({
    projectName: own.project_name,
    roleName: nameOf(own.role_id, own.role_name),
  }));
  // A role or project was deleted, so the invitation cannot be accepted.
  if (!roleName || !projectRoles.every(isComplete)) return null;
  const { organization_name: organizationName, email, expires_at: expiresAt } = row;
  return { organizationName, email, roleName, projectRoles, expiresAt: new Date(expiresAt) };
}

const nameOf = (roleId: string, customName: string | null): string | null => findBuiltIn(roleId)?.name ?? customName;

const isComplete = (own: {
  projectName: string | null;
  roleName: string | null;
}): own is InvitationOffer['projectRoles'][number] => own.projectName !== null && own.roleName !== null;

interface JoinedOrganization {
  organization: OrganizationRow;
  member: PrincipalRow;
}

export interface AcceptedInvitation extends JoinedOrganization {
  /** The new tokens of the session, if it was bound to the organization. */
  session: IssuedSession | null;
}

interface AcceptInput {
  secret: string;
  dryRun?: boolean | null | undefined;
}

/** Without the usage of the organization, which the person has not joined. */
const planRequired = (): AmbitError =>
  new AmbitError(
    'PLAN_REQUIRED',
    'The plan of the organization does not include this invitation at the moment. Ask the person who invited you.',
    { entitlement: null, limit: null, usage: null, plan: null },
  );

/** The result of a dry run is null. */
export async function acceptInvitation(
  ctx: Context,
  { secret, dryRun }: AcceptInput,
): Promise<AccessChanged<AcceptedInvitation | null>> {
  const { userId, sessionId } = requireSession(ctx);
  const caller = ctx.unit.actor;
  const found = await find(ctx, secret);
  if (!found || !sameAddress(found.email, ctx.unit.actor.user?.email ?? '')) throw noInvitation();
  setTenant(ctx, { organizationId: found.organization_id, userId });
  return await withoutDetails(noInvitation(), async () => {
    const accepted = await join(ctx, userId, secret);
    if (!dryRun) {
      const { id } = accepted.result.member;
      const session = caller.organization ? null : await bindSession(ctx, sessionId, id);
      return { ...accepted, result: { ...accepted.result, session } };
    }
    setDryRun(ctx);
    // After a dry run, the organization is not visible, because the caller has not joined it.
    setActor(ctx, caller);
    return { ...accepted, result: null };
  });
}

/**
 * Joins the organization of an invitation as the new user of the request, in the transaction that creates the account.
 * Throws `otherwise` if the invitation is not valid.
 */
export const joinAsNewUser = (
  ctx: Context,
  userId: string,
  secret: string,
  otherwise: AmbitError,
): Promise<LockedMember> =>
  withoutDetails(otherwise, async () => {
    const { result } = await join(ctx, userId, secret);
    return { id: result.member.id, organizationId: result.organization.id };
  });

/** Replaces errors about the organization and the inviter, which the person cannot see. */
async function withoutDetails<T>(otherwise: AmbitError, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof AmbitError)) throw error;
    // The organization was deleted, or the inviter lacks the permission.
    if (error.code === 'NOT_FOUND' || error.code === 'FORBIDDEN') throw otherwise;
    if (error.code === 'PLAN_REQUIRED') throw planRequired();
    throw error.userErrors?.some(({ code }) => code === 'NOT_FOUND') ? otherwise : error;
  }
}

/**
 * Binds the session of a person without an organization to the one that they join. The session keeps its refresh tokens.
 * The organization is locked, so the member cannot be deleted at the same time.
 */
async function bindSession(ctx: Context, sessionId: string, memberId: string): Promise<IssuedSession | null> {
  const organizationId = tenant(ctx);
  const bound = await (await db(ctx))
    .update(sessions)
    .set({ organizationId })
    .where(and(eq(sessions.id, sessionId), isNull(sessions.organizationId)))
    .returning({ id: sessions.id });
  // Another request has bound it at the same time.
  if (bound.length === 0) return null;
  const issued = await issueTokens(ctx, sessionId, { id: memberId, organizationId });
  const before = { id: toPublicId('ses', sessionId), organizationId: null };
  audit(ctx, {
    related: [...(ctx.unit.auditDraft.related ?? []), { before, ...sessionShown(sessionId, organizationId) }],
  });
  return issued;
}

/** Both are ASCII (see `email` in input.ts), so JavaScript and PostgreSQL fold the case in the same way. */
const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Adds the person with the offered roles. The inviter must still be able to give them. */
async function join(ctx: Context, userId: string, secret: string): Promise<AccessChanged<JoinedOrganization>> {
  const organization = await lockOrganization(ctx);
  const invitation = await takeInvitation(ctx, secret);
  if (!invitation) throw noInvitation();
  const known = await findMemberOf(ctx, userId);
  const principalId = known?.id ?? newId();
  const { result, before, after } = await changeAccess(ctx, {
    permission: null,
    by: invitation.inviterId,
    affected: () => [principalId],
    dryRun: false,
    apply: async ({ access, rows }) => {
      requireMayInvite(access, invitation);
      const offered = await offeredBy(ctx, invitation, access, known === null);
      const role =
        known && (grantsOfPrincipal(rows, known.id, organization.plan, ctx.dependencies.clock())?.role ?? null);
      return known
        ? await addProjectRoles(ctx, known, role, invitation, offered)
        : await makeMember(ctx, principalId, offered);
    },
  });
  const { id, plan, slug, name } = organization;
  const now = ctx.dependencies.clock();
  const stateOf = ({ assignments: rows, roles }: AccessRows) => ({
    principalRoles: rolesByPrincipal(rows),
    roles,
    plan,
  });
  const accepted = await invitationShown(ctx, invitation);
  audit(ctx, {
    organizationId: id,
    targetId: toPublicId('mem', principalId),
    before: known && auditedRoles(known, before),
    after: auditedRoles(result, after),
    related: [{ targetId: accepted.id, before: accepted, after: null }],
  });
  // The response shows the organization as the new member sees it.
  setActor(ctx, {
    ...ctx.unit.actor,
    organization: { id, slug, name },
    principal: { id: principalId, name: ctx.unit.actor.user?.name ?? '' },
    grants: grantsOfPrincipal(after, principalId, plan, now) ?? null,
  });
  const changes = await accessChanges(stateOf(before), stateOf(after), now);
  const ofPerson = changes.filter((change) => change.principalId === principalId);
  return { result: { organization, member: result }, accessChanges: ofPerson };
}

async function findMemberOf(ctx: Context, userId: string): Promise<PrincipalRow | null> {
  const [row] = await (await db(ctx))
    .select()
    .from(principals)
    .where(and(eq(principals.organizationId, tenant(ctx)), eq(principals.userId, userId)));
  return row ?? null;
}

const alreadyMember = (): AmbitError =>
  invalid(userError('TAKEN', 'secret', 'secret: you are already a member of this organization.'));

/**
 * Assigns the project roles of the invitation to somebody who is a member already. Their organization role and their roles
 * in other projects stay. So an inviter who cannot see the members can invite anybody to a project.
 */
async function addProjectRoles(
  ctx: Context,
  member: PrincipalRow,
  role: Role | null,
  invitation: InvitationRow,
  { projectRoles }: OfferedRoles,
): Promise<PrincipalRow> {
  if (!isOfProjects(invitation) || role?.neverOverridden) throw alreadyMember();
  const own = and(eq(assignments.organizationId, tenant(ctx)), eq(assignments.principalId, member.id));
  const held = await (await db(ctx)).select({ projectId: assignments.projectId }).from(assignments).where(own);
  const added = projectRoles.filter(({ projectId }) => !held.some((one) => one.projectId === projectId));
  if (added.length === 0) throw alreadyMember();
  await insertProjectRoles(ctx, member.id, added);
  return member;
}

/**
 * The roles of the invitation, if all of them exist. Throws PLAN_REQUIRED if the plan no longer includes them. The
 * invitation stays valid, so it can be accepted later.
 */
async function offeredBy(
  ctx: Context,
  invitation: InvitationRow,
  inviter: Access,
  isNew: boolean,
): Promise<OfferedRoles> {
  const ids = [invitation.roleId, ...invitation.projectRoles.map(({ roleId }) => roleId)];
  const custom = await findCustomRoles(
    ctx,
    ids.filter((id) => !findBuiltIn(id)),
  );
  const roleIn = (id: string, scope: string | null): Role => {
    const found = findBuiltIn(id) ?? custom.get(id);
    if (!found || !isAssignableIn(found, scope)) throw noInvitation();
    return found;
  };
  const role = roleIn(invitation.roleId, null);
  if (isOwnerRole(role)) throw noInvitation();
  const projectIds = invitation.projectRoles.map(({ projectId }) => projectId);
  await requireProjects(ctx, projectIds);
  const projectRoles = invitation.projectRoles.map(({ projectId, roleId }) => ({
    projectId,
    role: roleIn(roleId, projectId),
  }));
  if (projectRoles.length > 0) inviter.requireFeature('projectRoles');
  if ([role, ...projectRoles.map((own) => own.role)].some((one) => one.builtIn === null))
    inviter.requireFeature('customRoles');
  // The invitation already counts as a seat, unless the plan was downgraded.
  if (isNew) inviter.requireRoom('seats', { usage: await countMembers(ctx), added: 1 });
  return { role, projectRoles };
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

async function makeMember(ctx: Context, id: string, { role, projectRoles }: OfferedRoles): Promise<PrincipalRow> {
  const member = await addMember(ctx, id);
  await assign(ctx, id, { role, expiresAt: null, fallback: null });
  await insertProjectRoles(ctx, id, projectRoles);
  return member;
}

async function insertProjectRoles(
  ctx: Context,
  principalId: string,
  projectRoles: OfferedRoles['projectRoles'],
): Promise<void> {
  const common = { organizationId: tenant(ctx), principalId, createdAt: ctx.dependencies.clock() };
  const rows = projectRoles.map(({ projectId, role }) => ({ ...common, projectId, ...roleColumns(role) }));
  if (rows.length > 0) await (await db(ctx)).insert(assignments).values(rows);
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
