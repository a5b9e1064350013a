/** The links of the page. */
export interface MaturityLinks {
  /** Null in the report of a team or scorecard, if the caller cannot read services. */
  readonly csv: string | null;
  readonly days: (days: number) => string;
  /** A page of a list. */
  readonly teams: (page: number) => string;
  readonly scorecards: (page: number) => string;
  readonly services: (page: number) => string;
  /** The report of a team. The ID is null for services without an owner. */
  readonly team: (id: string | null) => string;
  readonly scorecard: (id: string) => string;
}
