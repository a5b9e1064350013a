export interface Amounts {
  /** Organizations that are asked, each with all of what follows. */
  organizations: number;
  /** Organizations that make the tables large and get no requests. */
  others: number;
  othersSize: { checks: number; members: number };
  checks: number;
  members: number;
  tokensPerMember: number;
  /** Custom roles of each organization, with a policy each; members then have one of them. */
  roles: number;
}

export const USUAL: Amounts = {
  organizations: 20,
  others: 0,
  othersSize: { checks: 20, members: 5 },
  checks: 1000,
  members: 50,
  tokensPerMember: 1,
  roles: 0,
};
