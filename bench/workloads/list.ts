import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { type Database, withDatabase } from '../harness/database.ts';
import { graphql, openly, type Request } from '../harness/load.ts';
import { ambit, peer, race, type Side } from '../harness/race.ts';
import { report } from '../harness/report.ts';

export const LIST = `{ checks(first: 50) { nodes {
  id name enabled category { id name } level { id name index } owner { id user { id name } }
} } }`;

/** The same list for PostGraphile, whose schema is generated from the tables. */
const listOfTables = (condition: string): string => `query ($organization: UUID!) {
  checks: allChecks(first: 50, orderBy: [NAME_ASC, PRIMARY_KEY_ASC]${condition}) { nodes {
    id: rowId name enabled
    category: categoryByOrganizationIdAndCategoryId { id: rowId name }
    level: levelByOrganizationIdAndLevelId { id: rowId name index }
    owner: principalByOrganizationIdAndOwnerId { id: rowId user: userByUserId { id: rowId name } }
  } }
}`;

const BOUND = listOfTables('').replace('query ($organization: UUID!) ', '');
const UNBOUND = listOfTables(', condition: { organizationId: $organization }');

/** One request for each organization, from a member with read access. */
export const listRequests = ({ organizations }: Database): Request[] =>
  organizations.map(({ readTokens }) => graphql(readTokens[0] ?? '', LIST));

/** Ambit, and its peers. */
export function listSides(database: Database): Side[] {
  const ids = database.organizations.map(({ id }) => id);
  const open = (query: string): Request[] => ids.map((organization) => openly(organization, query, { organization }));
  return [
    ambit(database, listRequests(database)),
    peer('Mercurius + JIT, no enforcement', 'mercurius.ts', database, open(LIST)),
    peer('PostGraphile 5 with RLS', 'postgraphile.ts', database, open(BOUND), { ROLE: RUNTIME_ROLE }),
    peer('PostGraphile 5, no enforcement', 'postgraphile.ts', database, open(UNBOUND)),
    peer('Apollo Server 5, no enforcement', 'apollo.ts', database, open(LIST)),
    peer('floor: node:http, one SQL', 'floor.ts', database, open(LIST)),
  ];
}

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    await report({
      workload: 'list',
      what: '50 of 1,000 checks with category, level and owner, of 20 organizations in turn, 16 connections',
      unit: 'requests/s',
      higherIsBetter: true,
      outcomes: await race(listSides(await server.create('bench', {}))),
      targets: [
        { of: 'Ambit', against: 'Mercurius + JIT, no enforcement', atLeast: 1.25 },
        { of: 'Ambit', against: 'PostGraphile 5 with RLS', atLeast: 1.7 },
        { of: 'Ambit', against: 'floor: node:http, one SQL', atLeast: 0.65 },
      ],
    });
  });
