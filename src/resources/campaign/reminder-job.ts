import { and, asc, eq, sql } from 'drizzle-orm';
import type { Config } from '../../config.ts';
import type { JobDependencies } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import type { JobHandler } from '../../jobs/job.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { JobPayload } from '../../lib/jobs.ts';
import { isRefused } from '../../lib/mail.ts';
import { checks } from '../check/table.ts';
import type { Scope } from '../evaluation/scope.ts';
import { organizations } from '../organization/table.ts';
import { services } from '../service/table.ts';
import { teamContacts, teams } from '../team/table.ts';
import { allowedAddresses } from './addresses.ts';
import { findFailing } from './failing.ts';
import { type FailingService, type MailedReminder, reminderMail } from './mail.ts';
import { type CampaignRow, isInProgress, statusOf } from './service.ts';
import { campaigns } from './table.ts';

type Payload = JobPayload<'send-campaign-reminder'>;

/** Maximum number of services in a mail, and of checks of each service. */
const [MAX_SERVICES, MAX_CHECKS] = [50, 5];

/**
 * Sends the reminder to one address. After a crash it may be sent a second time, with the same Message-ID. No connection to
 * the database is in use while the mail server responds.
 */
export const sendReminderMail =
  ({ config, mailer, clock, log }: JobDependencies): JobHandler<'send-campaign-reminder'> =>
  async (job) => {
    const { payload } = job;
    const mailed = await job.transaction((db) => findReminder(db, payload, config, clock()));
    if (!mailed) return;
    try {
      await mailer.send(reminderMail(config, mailed, payload.mailId));
    } catch (error) {
      if (!isRefused(error)) throw error;
      const campaign = toPublicId('cmp', payload.campaignId);
      log({ level: 'warn', message: 'mail refused by the mail server', campaign, response: responseOf(error) });
    }
  };

/** The code of the reply. Its text can contain the address. */
const responseOf = (error: unknown): unknown => (error as { responseCode?: unknown }).responseCode;

/** The content of the mail. Null if the campaign is not in progress, or if nothing fails or the address is gone. */
async function findReminder(
  db: Db,
  { organizationId, campaignId, contactIds }: Payload,
  config: Pick<Config, 'contactMailDomains'>,
  now: Date,
): Promise<MailedReminder | null> {
  const campaign = await findCampaign(db, organizationId, campaignId);
  if (!campaign || !isInProgress(campaign, now)) return null;
  const contacts = await findContacts(db, organizationId, contactIds);
  const allowed = await allowedAddresses({ db, organizationId }, config, contacts);
  const [address] = contacts.map((one) => one.address).filter((one) => allowed.has(one.toLowerCase()));
  if (address === undefined) return null;
  const teamIds = contacts.filter((one) => isSame(one.address, address)).map(({ teamId }) => teamId);
  const failing = await findServices({ db, organizationId, now }, campaignId, teamIds);
  if (failing.length === 0) return null;
  const [organization] = await db
    .select({ name: organizations.name })
    .from(organizations)
    .where(eq(organizations.id, organizationId));
  return {
    ...{ address, campaignId, campaignName: campaign.name, organizationName: organization?.name ?? '' },
    ...{ targetAt: campaign.targetAt, isDelayed: statusOf(campaign, now) === 'DELAYED' },
    services: failing.map(({ team, ...service }) => ({ ...service, teamName: team ?? '' })),
    failing: failing[0]?.total ?? 0,
  };
}

const isSame = (address: string, other: string): boolean => address.toLowerCase() === other.toLowerCase();

async function findCampaign(db: Db, organizationId: string, id: string): Promise<CampaignRow | undefined> {
  const [campaign] = await db
    .select()
    .from(campaigns)
    .where(and(eq(campaigns.organizationId, organizationId), eq(campaigns.id, id)));
  return campaign;
}

/** The contacts that still exist. */
const findContacts = (db: Db, organizationId: string, ids: readonly string[]) =>
  db
    .select({ teamId: teamContacts.teamId, address: teamContacts.address })
    .from(teamContacts)
    .where(and(eq(teamContacts.organizationId, organizationId), isAnyOf(teamContacts.id, ids)))
    .orderBy(asc(teamContacts.id));

type Failing = Awaited<ReturnType<typeof findFailing>>[number] & Pick<FailingService, 'checkNames'>;

/** The first services of the teams that do not pass all checks of the campaign, with the first of these checks. */
const findServices = (scope: Scope, campaignId: string, teamIds: readonly string[]): Promise<Failing[]> =>
  findFailing<Failing>(scope, campaignId, {
    which: isAnyOf(services.ownerId, teamIds),
    columns: sql`, to_json((array_agg(${checks.name} order by ${checks.name}, ${checks.id}))[1:${sql.raw(String(MAX_CHECKS))}]) as "checkNames"`,
    order: sql`${teams.name}, ${teams.id}, one.name, one.id`,
    limit: MAX_SERVICES,
  });
