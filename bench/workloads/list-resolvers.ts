import { type Database, withDatabase } from '../harness/database.ts';
import { graphql, openly, type Request } from '../harness/load.ts';
import { ambit, peer, race, type Side } from '../harness/race.ts';
import { report } from '../harness/report.ts';
import { LIST } from './list.ts';

/** The list with one field whose resolver is written by hand, so that resolvers answer the whole operation. */
const LIST_BY_RESOLVERS = LIST.replace('owner { id ', 'owner { id name ');

/** One request for each organization, from a member with read access. */
const resolverRequests = ({ organizations }: Database): Request[] =>
  organizations.map(({ readTokens }) => graphql(readTokens[0] ?? '', LIST_BY_RESOLVERS));

/** Ambit, and its peers. */
export function resolverSides(database: Database): Side[] {
  const open = database.organizations.map(({ id }) => openly(id, LIST_BY_RESOLVERS));
  return [
    ambit(database, resolverRequests(database)),
    peer('Mercurius + JIT, no enforcement', 'mercurius.ts', database, open),
    peer('Apollo Server 5, no enforcement', 'apollo.ts', database, open),
  ];
}

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    await report({
      workload: 'list-resolvers',
      what: 'the same list as in the workload list, with the name of the owner, which a handwritten resolver returns',
      unit: 'requests/s',
      higherIsBetter: true,
      outcomes: await race(resolverSides(await server.create('bench', {}))),
      targets: [{ of: 'Ambit', against: 'Mercurius + JIT, no enforcement', atLeast: 0.7 }],
    });
  });
