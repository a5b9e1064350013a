import { and, eq } from 'drizzle-orm';
import { findBuiltIn } from '../../access/roles.ts';
import type { JobDependencies } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import type { JobHandler } from '../../jobs/job.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { JobPayload } from '../../lib/jobs.ts';
import { isRefused } from '../../lib/mail.ts';
import { organizations } from '../organization/table.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';
import { roles } from '../role/table.ts';
import { people } from '../user/table.ts';
import { invitationMail, type MailedInvitation, mailIdOf } from './mail.ts';
import { isOfProjects } from './permissions.ts';
import { placeOfSecret } from './send.ts';
import { invitations, type MailStatus } from './table.ts';

type Payload = JobPayload<'send-invitation'>;

interface Queued {
  hash: string;
  secret: string;
  /** Null if the invitation has expired, or if a role or a project was deleted, which makes it invalid. */
  mailed: MailedInvitation | null;
}

/**
 * Sends the mail of an invitation. After a crash it may be sent a second time, with the same link and the same Message-ID. No
 * connection to the database is in use while the mail server responds.
 */
export const sendInvitation =
  ({ config, mailer, encryption, clock, log }: JobDependencies): JobHandler<'send-invitation'> =>
  async (job) => {
    const { payload } = job;
    const queued = await job.transaction((db) => findQueued(db, payload, clock()));
    if (!queued) return;
    const { hash, secret, mailed } = queued;
    const setStatus = (status: MailStatus) => (db: Db) => endMail(db, payload, hash, status);
    if (!mailed) return await job.finish(setStatus('FAILED'));
    try {
      const { organizationId, invitationId, mailId } = payload;
      const plain = encryption.decrypt(secret, placeOfSecret(organizationId, invitationId));
      await mailer.send(invitationMail(config, mailed, plain, mailId));
    } catch (error) {
      const isFinal = isRefused(error);
      if (!isFinal && !job.isLastAttempt) throw error;
      await job.transaction(setStatus('FAILED'));
      // Only a failure that an operator can correct is listed as a failed job.
      if (!isFinal) throw error;
      const invitation = toPublicId('inv', payload.invitationId);
      return log({
        level: 'warn',
        message: 'mail refused by the mail server',
        invitation,
        response: responseOf(error),
      });
    }
    await job.finish(setStatus('SENT'));
  };

/** The code of the reply. Its text can contain the address. */
const responseOf = (error: unknown): unknown => (error as { responseCode?: unknown }).responseCode;

/** The invitation of a job. Null if it was deleted, if the mail was sent, or if another job sends a newer secret. */
async function findQueued(
  db: Db,
  { organizationId, invitationId, mailId }: Payload,
  now: Date,
): Promise<Queued | null> {
  const [row] = await db
    .select()
    .from(invitations)
    .where(and(eq(invitations.organizationId, organizationId), eq(invitations.id, invitationId)));
  if (!row?.secret || row.mailStatus !== 'QUEUED' || mailIdOf(row.hash) !== mailId) return null;
  return { hash: row.hash, secret: row.secret, mailed: row.expiresAt > now ? await mailedOf(db, row) : null };
}

async function mailedOf(db: Db, row: typeof invitations.$inferSelect): Promise<MailedInvitation | null> {
  const { organizationId, email, expiresAt, inviterId, roleId, projectRoles } = row;
  const [organizationName, inviterName, roleNames, projectNames] = await Promise.all([
    nameOfOrganization(db, organizationId),
    nameOfInviter(db, organizationId, inviterId),
    namesOf(db, roles, organizationId, [roleId, ...projectRoles.map((own) => own.roleId)]),
    namesOf(
      db,
      projects,
      organizationId,
      projectRoles.map((own) => own.projectId),
    ),
  ]);
  const nameOfRole = (id: string): string | undefined => findBuiltIn(id)?.name ?? roleNames.get(id);
  const offered = projectRoles.map((own) => ({
    projectName: projectNames.get(own.projectId),
    roleName: nameOfRole(own.roleId),
  }));
  const roleName = nameOfRole(roleId);
  if (roleName === undefined || inviterName === undefined || !offered.every(isComplete)) return null;
  const shown = isOfProjects(row) ? null : roleName;
  return { email, expiresAt, organizationName, inviterName, roleName: shown, projectRoles: offered };
}

const isComplete = (own: {
  projectName: string | undefined;
  roleName: string | undefined;
}): own is MailedInvitation['projectRoles'][number] => own.projectName !== undefined && own.roleName !== undefined;

async function nameOfOrganization(db: Db, id: string): Promise<string> {
  const [row] = await db.select({ name: organizations.name }).from(organizations).where(eq(organizations.id, id));
  return row?.name ?? '';
}

async function nameOfInviter(db: Db, organizationId: string, id: string): Promise<string | undefined> {
  const [row] = await db
    .select({ own: principals.name, name: people.name })
    .from(principals)
    .leftJoin(people, and(eq(people.organizationId, organizationId), eq(people.id, principals.userId)))
    .where(and(eq(principals.organizationId, organizationId), eq(principals.id, id)));
  return row?.own ?? row?.name ?? undefined;
}

async function namesOf(
  db: Db,
  table: typeof roles | typeof projects,
  organizationId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ id: table.id, name: table.name })
    .from(table)
    .where(and(eq(table.organizationId, organizationId), isAnyOf(table.id, ids)));
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** Stores the result and deletes the secret, unless the invitation has a newer one. */
async function endMail(
  db: Db,
  { organizationId, invitationId }: Payload,
  hash: string,
  mailStatus: MailStatus,
): Promise<void> {
  await db
    .update(invitations)
    .set({ mailStatus, secret: null })
    .where(
      and(
        eq(invitations.organizationId, organizationId),
        eq(invitations.id, invitationId),
        // The hash of the secret, because `rotate-keys` changes the encrypted secret.
        eq(invitations.hash, hash),
      ),
    );
}
