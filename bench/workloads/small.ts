import { type Database, withDatabase } from '../harness/database.ts';
import { graphql, type Request } from '../harness/load.ts';
import { ambit, peer, race, type Side } from '../harness/race.ts';
import { report } from '../harness/report.ts';

export const SMALL = '{ viewer { user { name } permissions } }';

export const smallRequests = ({ organizations }: Database): Request[] =>
  organizations.map(({ readTokens }) => graphql(readTokens[0] ?? '', SMALL));

/** Ambit, and its peers. */
export function smallSides(database: Database): Side[] {
  const requests = smallRequests(database);
  return [
    ambit(database, requests),
    peer('Mercurius + JIT', 'mercurius.ts', database, requests),
    peer('Mercurius + JIT, cached user', 'mercurius.ts', database, requests, { CREDENTIALS: 'cached' }),
    peer('Apollo Server 5', 'apollo.ts', database, requests),
  ];
}

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    await report({
      workload: 'small',
      what: 'viewer { user { name } permissions } by API token, which all of them look up, 16 connections',
      unit: 'requests/s',
      higherIsBetter: true,
      outcomes: await race(smallSides(await server.create('bench', {}))),
      targets: [
        { of: 'Ambit', against: 'Mercurius + JIT', atLeast: 0.9 },
        { of: 'Ambit', against: 'Mercurius + JIT, cached user', atLeast: 0.9 },
      ],
      notes: [
        'The peers hold the names of the permissions in memory; Ambit decides each.',
        'With “cached user”, Mercurius looks up a token once and then only checks that it has not changed, with the same statement as Ambit.',
      ],
    });
  });
