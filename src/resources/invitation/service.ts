import { and, eq, getTableColumns, gt, lte, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Access } from '../../access/access.ts';
import { audit, type Context, db, setDryRun, tenant } from '../../context.ts';
import { loaderOf, pagesOf } from '../../data/loader.ts';
import { limitCreation, limitMails } from '../../data/rate-limit.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { containing, type SearchFilter } from '../../db/search.ts';
import { addSecrets, removeSecrets } from '../../identity/secrets.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { email, parse } from '../../lib/input.ts';
import { hashSecret, newSecret } from '../../lib/secret.ts';
import { lockOrganization } from '../organization/service.ts';
import { maxSeatUsage, usageOf } from '../plan/service.ts';
import { currentAccess, planOf, requirePrincipal } from '../principal/access.ts';
import { findAuditedRole } from '../principal/audit.ts';
import type { AccessChanged } from '../principal/change-access.ts';
import { findPrincipal, publicIdOfPrincipal } from '../principal/service.ts';
import { people } from '../user/table.ts';
import { gainsOf } from './access-changes.ts';
import { OfferInput, offerAgain, offerOf } from './offer.ts';
import { ACTIONS, canSeeInvitation, isOfProjects, mayAct, requireMayInvite } from './permissions.ts';
import { secretColumns, sendInvitations } from './send.ts';
import { invitations, type MailStatus } from './table.ts';

/** All columns except the secret and its hash, which no resolver needs. */
const { hash: _hash, secret: _secret, ...fields } = getTableColumns(invitations);

export type InvitationRow = Omit<typeof invitations.$inferSelect, 'hash' | 'secret'>;

const SEVEN_DAYS = 7 * 24 * 60 * 60_000;

const folded = sql<string>`lower(${invitations.email})`;
const here = (ctx: Context): SQL => eq(invitations.organizationId, tenant(ctx));

const reader = readerOf<InvitationRow>(invitations, fields);

export const findInvitation = loaderOf<InvitationRow>(async (ctx, ids) =>
  ctx.unit.binding.organizationId
    ? await reader.read(await db(ctx), sql`where ${here(ctx)} and ${isAnyOf(invitations.id, ids)}`)
    : [],
);

interface InvitationFilter extends SearchFilter {
  status?: 'PENDING' | 'EXPIRED' | null | undefined;
  mailStatus?: MailStatus | null | undefined;
}

/** Newest first. An expired invitation remains until it is resent, replaced or deleted. */
export async function listInvitations(
  ctx: Context,
  { filter, ...args }: PageArgs & { filter?: InvitationFilter | null | undefined },
): Promise<Page<InvitationRow>> {
  const now = ctx.dependencies.clock();
  const { search, status, mailStatus } = filter ?? {};
  const where = and(
    here(ctx),
    containing([invitations.email], search ?? ''),
    status === 'PENDING' ? gt(invitations.expiresAt, now) : undefined,
    status === 'EXPIRED' ? lte(invitations.expiresAt, now) : undefined,
    mailStatus ? eq(invitations.mailStatus, mailStatus) : undefined,
  ) as SQL;
  const order = [{ column: invitations.id, key: (row: InvitationRow) => row.id }];
  return await listPage<InvitationRow>(
    await db(ctx),
    { reader, where, asked: [tenant(ctx), filter ?? {}], order, descending: true },
    args,
  );
}

const Create = OfferInput.extend({ emails: z.array(email).min(1).max(50) });

/** Counts the invitations and their mails. Throws RATE_LIMITED. */
async function limitInvitations(ctx: Context, emails: string[]): Promise<void> {
  await limitCreation(ctx, 'invitations', emails.length);
  await limitMails(ctx, emails);
}

/** The pending and expired invitations that include a role in the project, newest first. */
export const listInvitationsOf = pagesOf<InvitationRow>((ctx) => ({
  reader,
  where: (project) =>
    and(
      here(ctx),
      sql`${invitations.projectRoles} @> jsonb_build_array(jsonb_build_object('projectId', ${project}::text))`,
    ) as SQL,
  asked: (project) => [tenant(ctx), 'project', project],
  order: [{ column: invitations.id, key: (row) => row.id }],
  descending: true,
}));

/** Creates all invitations or none. The lock serializes requests for the last seat or the same address. */
export async function createInvitations(
  ctx: Context,
  { dryRun, ...input }: { dryRun?: boolean | null | undefined },
): Promise<AccessChanged<InvitationRow[]>> {
  const { emails, ...asked } = parse(Create, input);
  ctx.unit.access.requireOrganization();
  requirePrincipal(ctx);
  const offered = await offerOf(ctx, asked);
  if (!dryRun) await limitInvitations(ctx, emails);
  await lockOrganization(ctx);
  const access = await currentAccess(ctx);
  const roles = {
    roleId: offered.role.id,
    projectRoles: offered.projectRoles.map(({ projectId, role }) => ({ projectId, roleId: role.id })),
  };
  if (isOfProjects(roles)) audit(ctx, { permission: 'project_member:create' });
  requireMayInvite(access, roles);
  const replaced = await replaceExpired(ctx, access, emails);
  await requireSeats(ctx, access, emails.length);
  const made = emails.map((address) => ({ id: newId(), address, secret: newSecret('ambit_inv_') }));
  const values = made.map(({ id, address, secret }) => ({
    organizationId: tenant(ctx),
    id,
    email: address,
    ...roles,
    createdAt: ctx.dependencies.clock(),
    ...validity(ctx, id, secret),
  }));
  const tx = await db(ctx);
  const [rows] = await Promise.all([
    tx.insert(invitations).values(values).returning(fields),
    addSecrets(
      tx,
      tenant(ctx),
      values.map(({ hash }) => hash),
    ),
  ]);
  const after = await Promise.all(rows.map((row) => invitationShown(ctx, row)));
  // One event for all invitations. Its target is the first one.
  const [first, ...others] = after.map((shown) => ({ targetId: shown.id, before: null, after: shown }));
  const ended = replaced.map((shown) => ({ targetId: shown.id, before: shown, after: null }));
  audit(ctx, { ...first, related: [...others, ...ended] });
  if (dryRun) setDryRun(ctx);
  else {
    const secrets = new Map(made.map(({ id, secret }) => [id, secret]));
    await sendInvitations(ctx, rows, offered, ({ id }) => secrets.get(id) ?? '');
  }
  return {
    result: rows,
    // A placeholder ID, because the members do not exist yet.
    accessChanges: gainsOf(newId(), planOf(ctx), offered),
  };
}

/**
 * The columns that change each time it is sent. The last sender is the inviter, who must still have all permissions of
 * the invitation when it is accepted.
 */
const validity = (ctx: Context, id: string, secret: string) => ({
  inviterId: requirePrincipal(ctx),
  ...secretColumns(ctx, id, secret),
  expiresAt: new Date(ctx.dependencies.clock().getTime() + SEVEN_DAYS),
});

const fold = (addresses: string[]): string[] => addresses.map((address) => address.toLowerCase());

/** Throws PLAN_REQUIRED if the seats with the added ones exceed the limit of the plan. */
async function requireSeats(ctx: Context, access: Access, added: number): Promise<void> {
  const seesAll = access.can('member:read') && access.can('invitation:read');
  const usage = seesAll ? (await usageOf(ctx)).seats : await maxSeatUsage(ctx);
  access.requireRoom('seats', { usage, added });
}

type Shown = Awaited<ReturnType<typeof invitationShown>>;

/**
 * Deletes the expired invitations to these addresses that the caller may delete, and returns them as the audit log shows
 * them. Throws TAKEN if an address has a pending invitation or belongs to a member. Only what the caller can see counts:
 * otherwise an inviter could find out who belongs to the organization.
 */
async function replaceExpired(ctx: Context, access: Access, emails: string[]): Promise<Shown[]> {
  const wanted = fold(emails);
  const tx = await db(ctx);
  const found = await tx
    .select(fields)
    .from(invitations)
    .where(and(here(ctx), isAnyOf(folded, wanted)));
  const now = ctx.dependencies.clock();
  const pending = found.filter((row) => row.expiresAt > now && canSeeInvitation(access, row));
  const expired = found.filter((row) => row.expiresAt <= now && mayAct(access, row, 'delete'));
  const ids = expired.map(({ id }) => id);
  if (ids.length > 0) await deleteByIds(ctx, ids);
  const members = access.can('member:read') ? await membersAmong(ctx, wanted) : [];
  refuseTaken(emails, wanted, [
    ...pending.map((row) => [row.email.toLowerCase(), 'already has an invitation; use resendInvitation'] as const),
    ...members.map((address) => [address, 'is already a member'] as const),
  ]);
  return await Promise.all(expired.map((row) => invitationShown(ctx, row)));
}

async function membersAmong(ctx: Context, addresses: string[]): Promise<string[]> {
  const address = sql<string>`lower(${people.email})`;
  const found = await (await db(ctx))
    .select({ address })
    .from(people)
    .where(and(eq(people.organizationId, tenant(ctx)), isAnyOf(address, addresses)));
  return found.map((row) => row.address);
}

function refuseTaken(emails: string[], wanted: string[], reasons: (readonly [string, string])[]): void {
  const why = new Map(reasons);
  const errors = wanted.flatMap((one, at) => {
    const reason = why.get(one) ?? (wanted.indexOf(one) < at ? 'is in the list twice' : null);
    return reason ? [userError('TAKEN', ['emails', String(at)], `emails.${at}: ${emails[at]} ${reason}.`)] : [];
  });
  if (errors.length > 0) throw invalid(...errors);
}

/** Locks the invitation. Throws NOT_FOUND if the caller cannot see it, and FORBIDDEN if they may not do this with it. */
async function lock(
  ctx: Context,
  id: string,
  action: keyof typeof ACTIONS,
): Promise<{ row: InvitationRow; access: Access }> {
  await lockOrganization(ctx);
  const access = await currentAccess(ctx);
  const [row] = await (await db(ctx))
    .select(fields)
    .from(invitations)
    .where(and(here(ctx), eq(invitations.id, id)))
    .for('update');
  if (row && mayAct(access, row, action)) {
    const [permission, inProjects] = ACTIONS[action];
    audit(ctx, { permission: access.can(permission) ? permission : inProjects });
    return { row, access };
  }
  if (!row || !canSeeInvitation(access, row)) throw notFound('Invitation');
  access.require(ACTIONS[action][0]);
  return { row, access };
}

/** Sends a new secret with a new expiry and revokes the old secret. An expired invitation counts as a seat again. */
export async function resendInvitation(ctx: Context, id: string): Promise<InvitationRow> {
  ctx.unit.access.requireOrganization();
  const { row: before, access } = await lock(ctx, id, 'resend');
  requirePrincipal(ctx);
  await limitInvitations(ctx, [before.email]);
  const offered = await offerAgain(ctx, before);
  if (before.expiresAt <= ctx.dependencies.clock()) await requireSeats(ctx, access, 1);
  const secret = newSecret('ambit_inv_');
  const tx = await db(ctx);
  const own = and(here(ctx), eq(invitations.id, id));
  const [revoked] = await tx.select({ hash: invitations.hash }).from(invitations).where(own);
  const [[row]] = await Promise.all([
    tx
      .update(invitations)
      .set(validity(ctx, id, secret))
      .where(own)
      .returning(fields),
    removeSecrets(tx, revoked ? [revoked.hash] : []),
    addSecrets(tx, tenant(ctx), [hashSecret(secret)]),
  ]);
  const after = row as InvitationRow;
  audit(ctx, { before: await invitationShown(ctx, before), after: await invitationShown(ctx, after) });
  await sendInvitations(ctx, [after], offered, () => secret);
  return after;
}

export async function deleteInvitation(ctx: Context, id: string): Promise<string> {
  ctx.unit.access.requireOrganization();
  const { row } = await lock(ctx, id, 'delete');
  await deleteByIds(ctx, [id]);
  audit(ctx, { before: await invitationShown(ctx, row), after: null });
  return toPublicId('inv', id);
}

async function deleteByIds(ctx: Context, ids: string[]): Promise<void> {
  const tx = await db(ctx);
  const deleted = await tx
    .delete(invitations)
    .where(and(here(ctx), isAnyOf(invitations.id, ids)))
    .returning({ hash: invitations.hash });
  await removeSecrets(
    tx,
    deleted.map(({ hash }) => hash),
  );
}

/** Deletes the invitation with this secret and returns it, or null. Only one of two concurrent calls gets it. */
export async function takeInvitation(ctx: Context, secret: string): Promise<InvitationRow | null> {
  const tx = await db(ctx);
  const hash = hashSecret(secret);
  const [row] = await tx
    .delete(invitations)
    .where(and(here(ctx), eq(invitations.hash, hash), gt(invitations.expiresAt, ctx.dependencies.clock())))
    .returning(fields);
  if (row) await removeSecrets(tx, [hash]);
  return row ?? null;
}

/** The values of an invitation in the audit log. */
export async function invitationShown(ctx: Context, row: InvitationRow) {
  const inviter = await findPrincipal(ctx, row.inviterId);
  return {
    id: toPublicId('inv', row.id),
    email: row.email,
    role: await findAuditedRole(ctx, row.roleId),
    projectRoles: await Promise.all(
      row.projectRoles.map(async (own) => ({
        projectId: toPublicId('prj', own.projectId),
        role: await findAuditedRole(ctx, own.roleId),
      })),
    ),
    inviterId: inviter && publicIdOfPrincipal(inviter),
    expiresAt: row.expiresAt,
  };
}
