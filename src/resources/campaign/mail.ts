import type { Config } from '../../config.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { Mail } from '../../lib/mail.ts';
import { type MailPart, plainName, quotedName, renderMail } from '../../lib/mail-template.ts';

/** A service of a team that does not pass all checks of the campaign. */
export interface FailingService {
  readonly teamName: string;
  readonly name: string;
  /** The names of the first checks that it does not pass. */
  readonly checkNames: readonly string[];
  /** The number of all checks that it does not pass. */
  readonly failing: number;
}

/** What the mail of a reminder shows. */
export interface MailedReminder {
  readonly address: string;
  readonly campaignId: string;
  readonly campaignName: string;
  readonly organizationName: string;
  readonly targetAt: Date | null;
  readonly isDelayed: boolean;
  /** The first services, by team. */
  readonly services: readonly FailingService[];
  /** The number of all services. */
  readonly failing: number;
}

/** The mail of a reminder. Nothing in it can be a link except for that to the report. */
export function reminderMail({ publicUrl }: Pick<Config, 'publicUrl'>, reminder: MailedReminder, mailId: string): Mail {
  const { address, campaignId, campaignName, services, failing } = reminder;
  const subject = `Reminder: ${plainName(campaignName)}`;
  const href = `${publicUrl}/reports/campaigns/${toPublicId('cmp', campaignId)}`;
  const others = failing - services.length;
  const parts: MailPart[] = [
    { lines: introductionOf(reminder) },
    ...[...Map.groupBy(services, ({ teamName }) => teamName)].map(([team, own]) => ({
      lines: [`Services of the team ${quotedName(team)} that do not pass all checks:`, ...own.map(lineOf)],
    })),
    ...(others > 0 ? [{ lines: [`And ${others} more.`] }] : []),
    { sentence: 'The progress of the campaign', label: 'Open the report', href },
    { lines: ['You get this mail because your address is a contact of a team that owns such services.'] },
  ];
  return { to: address, subject, ...renderMail(subject, parts), messageId: `${mailId}@${new URL(publicUrl).hostname}` };
}

function introductionOf({ campaignName, organizationName, targetAt, isDelayed }: MailedReminder): string[] {
  const campaign = `${quotedName(campaignName)} is a campaign of the organization ${quotedName(organizationName)}.`;
  if (!targetAt) return [campaign];
  const target = `The target ${isDelayed ? 'was' : 'is'} ${targetAt.toUTCString()}.`;
  return [campaign, target];
}

function lineOf({ name, checkNames, failing }: FailingService): string {
  const others = failing - checkNames.length;
  return `- ${quotedName(name)}: ${checkNames.map(quotedName).join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
}
