import { toPublicId } from '../../src/lib/ids.ts';
import { type Database, withDatabase } from '../harness/database.ts';
import { graphql, openly, type Request } from '../harness/load.ts';
import { ambit, peer, race, type Side } from '../harness/race.ts';
import { report } from '../harness/report.ts';
import type { Organization } from '../harness/seed.ts';

const NODE = 'query ($id: ID!) { node(id: $id) { ... on Check { id name enabled } } }';

/** The document for the peers, which have no `node` field. */
const CHECK = 'query ($id: ID!) { node: check(id: $id) { id name enabled } }';

/** 50 checks of each organization. Two successive checks belong to different organizations. */
const ofAll = ({ organizations }: Database, ask: (of: Organization, id: string) => Request): Request[] =>
  Array.from({ length: 50 }, (_, n) => n * 20).flatMap((n) => organizations.map((of) => ask(of, of.checkIds[n] ?? '')));

export const pointRequests = (database: Database): Request[] =>
  ofAll(database, ({ readTokens }, id) => graphql(readTokens[0] ?? '', NODE, { id: toPublicId('chk', id) }));

/** Ambit, and its peers. */
export function pointSides(database: Database): Side[] {
  const open = ofAll(database, (of, id) => openly(of.id, CHECK, { id }));
  return [
    ambit(database, pointRequests(database)),
    peer('Mercurius + JIT, no enforcement', 'mercurius.ts', database, open),
    peer('Apollo Server 5, no enforcement', 'apollo.ts', database, open),
  ];
}

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    await report({
      workload: 'point',
      what: 'node(id) of one of 1,000 checks with three fields, of 20 organizations in turn, 16 connections',
      unit: 'requests/s',
      higherIsBetter: true,
      outcomes: await race(pointSides(await server.create('bench', {}))),
      targets: [{ of: 'Ambit', against: 'Mercurius + JIT, no enforcement', atLeast: 0.45 }],
    });
  });
