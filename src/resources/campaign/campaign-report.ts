import type { CheckStatus } from '../check-result/table.ts';
import type { Progress } from './table.ts';

export type CampaignStatus = 'DRAFT' | 'SCHEDULED' | 'IN_PROGRESS' | 'DELAYED' | 'ENDED';

export interface TeamProgress extends Progress {
  /** Null for services without an owner, and if the team is not visible to the caller. */
  readonly id: string | null;
  readonly name: string;
}

export interface ProgressDay extends Progress {
  readonly day: Date;
}

/** The results of a check of the campaign. */
export interface CheckProgress {
  readonly name: string;
  readonly results: number;
  readonly passingResults: number;
}

export interface FailingResult {
  readonly check: string;
  readonly status: CheckStatus;
  /** Markdown. */
  readonly message: string | null;
  readonly since: Date;
}

/** A service that does not pass all checks of the campaign that apply to it. */
export interface FailingService {
  readonly name: string;
  readonly team: string | null;
  readonly results: readonly FailingResult[];
}

export interface CampaignReport {
  readonly name: string;
  readonly status: CampaignStatus;
  /** Markdown. */
  readonly brief: string | null;
  readonly team: string | null;
  readonly filter: string | null;
  readonly startAt: Date | null;
  readonly targetAt: Date | null;
  readonly endedAt: Date | null;
  /** All values are about the services whose results the caller may read. */
  readonly progress: Progress;
  /** The teams with the most failing services come first. */
  readonly teams: readonly TeamProgress[];
  readonly checks: readonly CheckProgress[];
  readonly days: readonly ProgressDay[];
}
