import { and, asc, desc, eq, sql } from 'drizzle-orm';
import { audit, type Context, db, enqueueJob, tenant } from '../../context.ts';
import { limitReminder } from '../../data/rate-limit.ts';
import { isAnyOf } from '../../db/array.ts';
import { AmbitError, invalid, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { scopeOf } from '../evaluation/scope.ts';
import { teamContacts, teams } from '../team/table.ts';
import { allowedAddresses } from './addresses.ts';
import { countProgress, NO_TEAM } from './history.ts';
import { campaignRows } from './rows.ts';
import { lockCampaign } from './schedule.ts';
import { type CampaignRow, isInProgress, statusOf } from './service.ts';
import type { Progress } from './table.ts';

export type ReminderStatus = 'SENT' | 'NO_ADDRESS' | 'NOT_ALLOWED' | 'RATE_LIMITED';

/** A team with services that do not pass all checks of the campaign. */
export interface RemindedTeam {
  readonly teamId: string;
  readonly failingServices: number;
  /** The addresses to which a mail is sent. */
  readonly addresses: readonly string[];
  readonly status: ReminderStatus;
}

export interface Reminder {
  readonly campaign: CampaignRow;
  readonly teams: readonly RemindedTeam[];
  readonly servicesWithoutOwner: number;
}

/** Milliseconds between two reminders of a campaign. */
const INTERVAL = 3_600_000;
/** Maximum number of addresses of a team, and of all teams together. */
const [MAX_OF_TEAM, MAX_OF_ALL] = [10, 1_000];

interface Contact {
  readonly id: string;
  readonly teamId: string;
  readonly address: string;
  readonly preferred: boolean;
}

/**
 * Enqueues one mail for each address of the teams that own failing services. The caller of the API chooses neither the
 * addresses nor the text. Teams choose their addresses, so only those of members and of the operator's domains are used.
 */
export async function sendReminder(ctx: Context, id: string): Promise<Reminder> {
  // With the campaign locked, another request cannot send a reminder at the same time.
  const before = await lockCampaign(ctx, id);
  const now = ctx.dependencies.clock();
  refuseReminder(before, now);
  const failing = failingOf((await countProgress(await scopeOf(ctx), [id])).get(id) ?? {});
  const teamIds = await orderTeams(ctx, failing);
  const found = await findRecipients(ctx, teamIds);
  const sent = await sendTo(ctx, id, [...found.chosen.values()].flat());
  audit(ctx, { touched: teamIds.map((teamId) => ({ id: toPublicId('tea', teamId), projectId: null })) });
  return {
    campaign: sent.size > 0 ? await campaignRows.update(ctx, before, { remindedAt: now }) : before,
    teams: teamIds.map((teamId) => remindedTeam(teamId, failing.get(teamId) ?? 0, found, sent)),
    servicesWithoutOwner: failing.get(NO_TEAM) ?? 0,
  };
}

type ByTeam = ReadonlyMap<string, readonly Contact[]>;

/** The contacts of each team, and those of them that may get mail and are chosen. */
interface Recipients {
  readonly contacts: ByTeam;
  readonly chosen: ByTeam;
}

async function findRecipients(ctx: Context, teamIds: readonly string[]): Promise<Recipients> {
  const all = await findContacts(ctx, teamIds);
  const allowed = await allowedAddresses(await scopeOf(ctx), ctx.dependencies.config, all);
  const contacts = Map.groupBy(all, ({ teamId }) => teamId);
  return { contacts, chosen: new Map([...contacts].map(([teamId, own]) => [teamId, chooseFrom(own, allowed)])) };
}

/** Enqueues one mail for each address that is below its limits. Returns these addresses, in lower case. */
async function sendTo(ctx: Context, campaignId: string, chosen: readonly Contact[]): Promise<ReadonlySet<string>> {
  const byAddress = Map.groupBy(chosen, ({ address }) => address.toLowerCase());
  if (byAddress.size === 0) return new Set();
  const sent = await limitReminder(ctx, [...byAddress.keys()].slice(0, MAX_OF_ALL));
  for (const address of sent) await enqueueMail(ctx, campaignId, byAddress.get(address) ?? []);
  return sent;
}

function remindedTeam(
  teamId: string,
  failingServices: number,
  found: Recipients,
  sent: ReadonlySet<string>,
): RemindedTeam {
  const [own, used] = [found.contacts.get(teamId) ?? [], found.chosen.get(teamId) ?? []];
  const addresses = used.map(({ address }) => address).filter((address) => sent.has(address.toLowerCase()));
  return { teamId, failingServices, addresses, status: statusFor({ own, used, addresses }) };
}

function refuseReminder(campaign: CampaignRow, now: Date): void {
  if (!isInProgress(campaign, now))
    throw invalid(
      userError(
        'INVALID',
        'id',
        `Reminders are for campaigns in progress, and this one is ${statusOf(campaign, now)}.`,
      ),
    );
  const next = (campaign.remindedAt?.getTime() ?? 0) + INTERVAL;
  if (next <= now.getTime()) return;
  const retryAfter = Math.ceil((next - now.getTime()) / 1000);
  const message = `A reminder of this campaign was sent less than an hour ago. Try again in ${retryAfter} seconds.`;
  throw new AmbitError('RATE_LIMITED', message, { retryAfter });
}

/** The number of failing services by team, for the teams that have some. */
const failingOf = (byTeam: Readonly<Record<string, Progress>>): Map<string, number> =>
  new Map(
    Object.entries(byTeam)
      .map(([team, { services, passingServices }]) => [team, services - passingServices] as const)
      .filter(([, failing]) => failing > 0),
  );

async function findContacts(ctx: Context, teamIds: readonly string[]): Promise<Contact[]> {
  const { id, teamId, address, preferred, type, organizationId } = teamContacts;
  return await (await db(ctx))
    .select({ id, teamId, address, preferred })
    .from(teamContacts)
    .where(and(eq(organizationId, tenant(ctx)), eq(type, 'EMAIL'), isAnyOf(teamId, teamIds)))
    .orderBy(asc(teamId), desc(preferred), asc(address), asc(id));
}

/** The contacts of a team that get mail: those that it prefers, if it may and does prefer some. */
function chooseFrom(own: readonly Contact[], allowed: ReadonlySet<string>): Contact[] {
  const possible = own.filter(({ address }) => allowed.has(address.toLowerCase()));
  const preferred = possible.filter((contact) => contact.preferred);
  const distinct = new Map(
    (preferred.length > 0 ? preferred : possible).map((one) => [one.address.toLowerCase(), one]),
  );
  return [...distinct.values()].slice(0, MAX_OF_TEAM);
}

interface Addresses {
  own: readonly Contact[];
  used: readonly Contact[];
  addresses: readonly string[];
}

function statusFor({ own, used, addresses }: Addresses): ReminderStatus {
  if (own.length === 0) return 'NO_ADDRESS';
  if (used.length === 0) return 'NOT_ALLOWED';
  return addresses.length > 0 ? 'SENT' : 'RATE_LIMITED';
}

const enqueueMail = (ctx: Context, campaignId: string, contacts: readonly Contact[]): Promise<void> =>
  enqueueJob(ctx, 'send-campaign-reminder', {
    organizationId: tenant(ctx),
    campaignId,
    contactIds: contacts.map(({ id }) => id),
    mailId: newId(),
  });

/** The IDs of the teams, by name. */
async function orderTeams(ctx: Context, failing: ReadonlyMap<string, number>): Promise<string[]> {
  const ids = [...failing.keys()].filter((team) => team !== NO_TEAM);
  const ordered = await (await db(ctx))
    .select({ id: teams.id })
    .from(teams)
    .where(and(eq(teams.organizationId, tenant(ctx)), isAnyOf(teams.id, ids)))
    .orderBy(sql`lower(${teams.name})`, asc(teams.id));
  return ordered.map((team) => team.id);
}
