import { type Database, withDatabase } from '../harness/database.ts';
import { graphql, type Request } from '../harness/load.ts';
import { ambit, peer, race } from '../harness/race.ts';
import { report } from '../harness/report.ts';

export const SMALL = '{ viewer { user { name } permissions } }';

export const smallRequests = ({ organizations }: Database): Request[] =>
  organizations.map(({ readTokens }) => graphql(readTokens[0] ?? '', SMALL));

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const database = await server.create('bench', {});
    const requests = smallRequests(database);
    const outcomes = await race([
      ambit(database, requests),
      peer('Mercurius + JIT', 'mercurius.ts', database, requests),
      peer('Apollo Server 5', 'apollo.ts', database, requests),
    ]);
    await report({
      workload: 'small',
      what: 'viewer { user { name } permissions } by API token, which all of them look up, 16 connections',
      unit: 'requests/s',
      higherIsBetter: true,
      outcomes,
      targets: [{ of: 'Ambit', against: 'Mercurius + JIT', atLeast: 0.8 }],
      notes: ['The peers hold the names of the permissions in memory; Ambit decides each.'],
    });
  });
