/** The links of the page. */
export interface CampaignLinks {
  /** The list of campaigns. */
  readonly all: string;
  /** Null if the caller cannot read services. */
  readonly csv: string | null;
  /** A page of a list. */
  readonly teams: (page: number) => string;
  readonly checks: (page: number) => string;
  readonly failing: (page: number) => string;
}
