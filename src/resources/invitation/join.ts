import { and, eq } from 'drizzle-orm';
import type { Access } from '../../access/access.ts';
import { accessChanges } from '../../access/change.ts';
import { type AccessRows, grantsOfPrincipal } from '../../access/grants.ts';
import type { Role } from '../../access/model.ts';
import { rolesByPrincipal } from '../../access/principal-roles.ts';
import { findBuiltIn, isOwnerRole } from '../../access/roles.ts';
import { audit, type Context, db, setActor, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { type AmbitError, invalid, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { lockOrganization, type OrganizationRow } from '../organization/service.ts';
import { countMembers } from '../plan/service.ts';
import { findCustomRoles } from '../principal/access.ts';
import { auditedRoles } from '../principal/audit.ts';
import { type AccessChanged, changeAccess } from '../principal/change-access.ts';
import { addMember } from '../principal/membership.ts';
import { assign, isAssignableIn, type PrincipalRow, roleColumns } from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';
import { assignments } from '../role/table.ts';
import type { OfferedRoles } from './access-changes.ts';
import { noInvitation } from './find.ts';
import { isOfProjects, requireMayInvite } from './permissions.ts';
import { type InvitationRow, invitationShown, takeInvitation } from './service.ts';

export interface JoinedOrganization {
  organization: OrganizationRow;
  member: PrincipalRow;
}

/** Adds the person with the offered roles. The inviter must still be able to give them. */
export async function join(ctx: Context, userId: string, secret: string): Promise<AccessChanged<JoinedOrganization>> {
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
  const stateOf = ({ assignments: rows, roles, teams }: AccessRows) => ({
    principalRoles: rolesByPrincipal(rows, teams),
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
