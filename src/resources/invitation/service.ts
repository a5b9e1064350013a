import { and, eq, getTableColumns, gt, lte, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { unrestricted } from '../../access/access.ts';
import { requireHeldChange } from '../../access/escalation.ts';
import { grantsOfRoles } from '../../access/grants.ts';
import type { Role } from '../../access/model.ts';
import { findBuiltIn, isOwnerRole } from '../../access/roles.ts';
import { afterCommit, audit, type Context, db, setDryRun, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { containing, type SearchFilter } from '../../db/search.ts';
import { AmbitError, invalid, notFound, userError } from '../../lib/errors.ts';
import { fromPublicId, newId, toPublicId } from '../../lib/ids.ts';
import { email, parse } from '../../lib/input.ts';
import { sendAll } from '../../lib/mail.ts';
import { hashSecret, newSecret } from '../../lib/secret.ts';
import { lockOrganization } from '../organization/service.ts';
import { usageOf } from '../plan/service.ts';
import { findAnyRole, requireStill } from '../principal/access.ts';
import { findAuditedRole } from '../principal/audit.ts';
import type { AccessChanged } from '../principal/change-access.ts';
import { findPrincipal, getAssignableRole, publicIdOfPrincipal } from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { findProject } from '../project/service.ts';
import { compiledRole } from '../role/service.ts';
import { users } from '../user/table.ts';
import { gainsOf, type OfferedRoles } from './access-changes.ts';
import { invitationMail } from './mail.ts';
import { invitations } from './table.ts';

/** All columns except the hash of the secret, which no resolver needs. */
const { hash: _, ...fields } = getTableColumns(invitations);

export type InvitationRow = Omit<typeof invitations.$inferSelect, 'hash'>;

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
}

/** Newest first. An expired invitation remains until it is resent, replaced or deleted. */
export async function listInvitations(
  ctx: Context,
  { filter, ...args }: PageArgs & { filter?: InvitationFilter | null | undefined },
): Promise<Page<InvitationRow>> {
  const now = ctx.dependencies.clock();
  const { search, status } = filter ?? {};
  const where = and(
    here(ctx),
    containing([invitations.email], search ?? ''),
    status === 'PENDING' ? gt(invitations.expiresAt, now) : undefined,
    status === 'EXPIRED' ? lte(invitations.expiresAt, now) : undefined,
  ) as SQL;
  const order = [{ column: invitations.id, key: (row: InvitationRow) => row.id }];
  return await listPage<InvitationRow>(
    await db(ctx),
    { reader, where, asked: [tenant(ctx), filter ?? {}], order, descending: true },
    args,
  );
}

const Offer = z.object({
  roleId: z.string(),
  projectRoles: z
    .array(z.object({ projectId: z.string(), roleId: z.string() }))
    .max(100)
    .nullish(),
});
const Create = Offer.extend({ emails: z.array(email).min(1).max(50) });

/** The roles of the invitation. They must not include Owner, or grant permissions that the caller does not have there. */
async function offer(
  ctx: Context,
  { roleId, projectRoles }: z.output<typeof Offer>,
  find = findAnyRole,
): Promise<OfferedRoles> {
  const builtIn = findBuiltIn(fromPublicId('rol', roleId) ?? '');
  if (builtIn && isOwnerRole(builtIn))
    throw invalid(
      userError(
        'INVALID',
        'roleId',
        'roleId: nobody can be invited as Owner. Invite with another role, and make the member Owner afterwards.',
      ),
    );
  const role = await getAssignableRole(ctx, roleId, null, 'roleId', find);
  if (projectRoles?.length) ctx.unit.access.requireFeature('projectRoles');
  if (projectRoles?.length && role.neverOverridden)
    throw invalid(
      userError('NO_EFFECT', 'projectRoles', `projectRoles: have no effect on the organization role ${role.name}.`),
    );
  const inProjects = new Map<string, Role>();
  for (const [at, given] of projectRoles?.entries() ?? []) {
    const path = ['projectRoles', String(at)];
    const projectId = await projectToOffer(ctx, given.projectId, inProjects, [...path, 'projectId']);
    inProjects.set(projectId, await getAssignableRole(ctx, given.roleId, projectId, [...path, 'roleId'], find));
  }
  requireHeldChange(
    ctx.unit.access,
    { before: null, after: unrestricted(grantsOfRoles(role, inProjects)) },
    'Inviting with these roles',
  );
  return { role, projectRoles: [...inProjects].map(([projectId, own]) => ({ projectId, role: own })) };
}

async function projectToOffer(
  ctx: Context,
  publicId: string,
  taken: ReadonlyMap<string, Role>,
  path: string[],
): Promise<string> {
  const project = await findProject(ctx, fromPublicId('prj', publicId) ?? tenant(ctx));
  const where = path.join('.');
  if (!project) throw invalid(userError('NOT_FOUND', path, `${where}: there is no project with this ID.`));
  if (taken.has(project.id))
    throw invalid(userError('TAKEN', path, `${where}: the invitation already has a role in this project.`));
  return project.id;
}

export interface Sent<Result> {
  result: Result;
  mailSent: Promise<boolean | null>;
}

/** Creates all invitations or none. The lock serializes requests for the last seat or the same address. */
export async function createInvitations(
  ctx: Context,
  { dryRun, ...input }: { dryRun?: boolean | null | undefined },
): Promise<Sent<InvitationRow[]> & AccessChanged<InvitationRow[]>> {
  const { emails, ...asked } = parse(Create, input);
  const offered = await offer(ctx, asked);
  await lockOrganization(ctx);
  await requireStill(ctx, 'invitation:create');
  await removeExpired(ctx, emails);
  await refuseTaken(ctx, emails);
  ctx.unit.access.requireRoom('seats', { usage: (await usageOf(ctx)).seats, added: emails.length });
  const roles = {
    roleId: offered.role.id,
    projectRoles: offered.projectRoles.map(({ projectId, role }) => ({ projectId, roleId: role.id })),
  };
  const made = emails.map((address) => ({ address, secret: newSecret('ambit_inv_') }));
  const values = made.map(({ address, secret }) => ({
    organizationId: tenant(ctx),
    email: address,
    ...roles,
    createdAt: ctx.dependencies.clock(),
    ...validity(ctx, secret),
  }));
  const rows = await (await db(ctx)).insert(invitations).values(values).returning(fields);
  const after = await Promise.all(rows.map((row) => invitationShown(ctx, row)));
  // One event for all invitations. Its target is the first one.
  const [first, ...others] = after.map((shown) => ({ targetId: shown.id, before: null, after: shown }));
  audit(ctx, { ...first, related: others });
  const secrets = new Map(made.map(({ address, secret }) => [address, secret]));
  if (dryRun) setDryRun(ctx);
  return {
    result: rows,
    mailSent: mail(ctx, rows, offered.role, (row) => secrets.get(row.email) ?? ''),
    // A placeholder ID, because the members do not exist yet.
    accessChanges: gainsOf(newId(), ctx.unit.access.effective?.grants.plan ?? 'FREE', offered),
  };
}

/**
 * The columns that change each time it is sent. The last sender is the inviter, who must still have all permissions of
 * the invitation when it is accepted.
 */
const validity = (ctx: Context, secret: string) => ({
  inviterId: ctx.unit.actor.principal?.id ?? '',
  hash: hashSecret(secret),
  expiresAt: new Date(ctx.dependencies.clock().getTime() + SEVEN_DAYS),
});

const mail = (
  ctx: Context,
  rows: InvitationRow[],
  role: Role,
  secretOf: (row: InvitationRow) => string,
): Promise<boolean | null> => {
  const mails = rows.map((row) => invitationMail(ctx, row, role, secretOf(row)));
  return afterCommit(ctx, () =>
    sendAll(ctx.dependencies.mailer, mails, (entry) => ctx.dependencies.log({ requestId: ctx.requestId, ...entry })),
  );
};

const fold = (addresses: string[]): string[] => addresses.map((address) => address.toLowerCase());

async function removeExpired(ctx: Context, emails: string[]): Promise<void> {
  await (await db(ctx))
    .delete(invitations)
    .where(and(here(ctx), isAnyOf(folded, fold(emails)), lte(invitations.expiresAt, ctx.dependencies.clock())));
}

/** Requires that no address has a pending invitation or belongs to a member. */
async function refuseTaken(ctx: Context, emails: string[]): Promise<void> {
  const wanted = fold(emails);
  const tx = await db(ctx);
  const address = sql<string>`lower(${users.email})`;
  const members = await tx
    .select({ address })
    .from(principals)
    .innerJoin(users, eq(users.id, principals.userId))
    .where(and(eq(principals.organizationId, tenant(ctx)), isAnyOf(address, wanted)));
  const pending = await tx
    .select({ address: folded })
    .from(invitations)
    .where(and(here(ctx), isAnyOf(folded, wanted)));
  const why = new Map([
    ...pending.map((row) => [row.address, 'already has an invitation; use resendInvitation'] as const),
    ...members.map((row) => [row.address, 'is already a member'] as const),
  ]);
  const errors = wanted.flatMap((one, at) => {
    const reason = why.get(one) ?? (wanted.indexOf(one) < at ? 'is in the list twice' : null);
    return reason ? [userError('TAKEN', ['emails', String(at)], `emails.${at}: ${emails[at]} ${reason}.`)] : [];
  });
  if (errors.length > 0) throw invalid(...errors);
}

async function lock(ctx: Context, id: string): Promise<InvitationRow> {
  const [row] = await (await db(ctx))
    .select(fields)
    .from(invitations)
    .where(and(here(ctx), eq(invitations.id, id)))
    .for('update');
  if (!row) throw notFound('Invitation');
  return row;
}

/** Sends a new secret with a new expiry and revokes the old secret. An expired invitation counts as a seat again. */
export async function resendInvitation(ctx: Context, id: string): Promise<Sent<InvitationRow>> {
  await lockOrganization(ctx);
  await requireStill(ctx, 'invitation:update');
  const before = await lock(ctx, id);
  const { role } = await offerAgain(ctx, before);
  if (before.expiresAt <= ctx.dependencies.clock())
    ctx.unit.access.requireRoom('seats', { usage: (await usageOf(ctx)).seats, added: 1 });
  const secret = newSecret('ambit_inv_');
  const [row] = await (await db(ctx))
    .update(invitations)
    .set(validity(ctx, secret))
    .where(and(here(ctx), eq(invitations.id, id)))
    .returning(fields);
  const after = row as InvitationRow;
  audit(ctx, { before: await invitationShown(ctx, before), after: await invitationShown(ctx, after) });
  return { result: after, mailSent: mail(ctx, [after], role, () => secret) };
}

const offerOf = (row: InvitationRow): z.output<typeof Offer> => ({
  roleId: toPublicId('rol', row.roleId),
  projectRoles: row.projectRoles.map((own) => ({
    projectId: toPublicId('prj', own.projectId),
    roleId: toPublicId('rol', own.roleId),
  })),
});

/** Whether the caller could send the invitation again. Loads the roles of all invitations of a response together. */
export async function mayResend(ctx: Context, row: InvitationRow): Promise<boolean> {
  if (!ctx.unit.access.can('invitation:update')) return false;
  try {
    await offer(ctx, offerOf(row), (_ctx, id) => compiledRole(ctx, { id }));
    return true;
  } catch (error) {
    if (error instanceof AmbitError) return false;
    throw error;
  }
}

async function offerAgain(ctx: Context, row: InvitationRow): Promise<OfferedRoles> {
  return await offer(ctx, offerOf(row)).catch((error: unknown) => {
    if (!(error instanceof AmbitError && error.userErrors) || error.userErrors[0]?.code === 'NO_EFFECT') throw error;
    throw invalid(
      userError(
        'INVALID',
        'id',
        'id: a role or project of the invitation was deleted. Delete the invitation and create a new one.',
      ),
    );
  });
}

export async function deleteInvitation(ctx: Context, id: string): Promise<string> {
  const row = await lock(ctx, id);
  await (await db(ctx)).delete(invitations).where(and(here(ctx), eq(invitations.id, id)));
  audit(ctx, { before: await invitationShown(ctx, row), after: null });
  return toPublicId('inv', id);
}

/** Deletes the invitation with this secret and returns it, or null. Only one of two concurrent calls gets it. */
export async function takeInvitation(ctx: Context, secret: string): Promise<InvitationRow | null> {
  const [row] = await (await db(ctx))
    .delete(invitations)
    .where(
      and(here(ctx), eq(invitations.hash, hashSecret(secret)), gt(invitations.expiresAt, ctx.dependencies.clock())),
    )
    .returning(fields);
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
