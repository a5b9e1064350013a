export interface Amounts {
  /** Organizations that are asked, each with all of what follows. */
  organizations: number;
  /** Organizations that make the tables large: 20 checks and 5 members each. */
  others: number;
  checks: number;
  members: number;
  tokensPerMember: number;
  /** Custom roles of each organization, with a policy each; members then have one of them. */
  roles: number;
}

export const USUAL: Amounts = {
  organizations: 20,
  others: 0,
  checks: 1000,
  members: 50,
  tokensPerMember: 1,
  roles: 0,
};
