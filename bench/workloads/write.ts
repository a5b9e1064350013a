import { toPublicId } from '../../src/lib/ids.ts';
import { type Database, withDatabase } from '../harness/database.ts';
import { graphql, type Request } from '../harness/load.ts';
import { ambit, peer, race, type Side } from '../harness/race.ts';
import { report } from '../harness/report.ts';

const CREATE = `mutation ($input: CreateCheckInput!) {
  createCheck(input: $input) { check { name enabled } errors { code } }
}`;

/** 50 requests for each organization. Names of checks need not be unique. */
export const writeRequests = ({ organizations }: Database): Request[] =>
  Array.from({ length: 50 }, (_, n) => n).flatMap((n) =>
    organizations.map(({ writeToken, categoryIds, levelIds }) => {
      const categoryId = toPublicId('cat', categoryIds[n % 5] ?? '');
      const levelId = toPublicId('lvl', levelIds[n % 4] ?? '');
      return graphql(writeToken, CREATE, {
        input: { name: `Written ${n}`, category: { id: categoryId }, level: { id: levelId } },
      });
    }),
  );

/** Ambit, and the floor in two forms. */
export function writeSides(database: Database): Side[] {
  const requests = writeRequests(database);
  const runtime = { ...database, url: database.runtimeUrl };
  return [
    ambit(database, requests),
    // Row-level security applies here too: the same login role and the same binding.
    peer('floor: node:http, same SQL', 'floor-write.ts', runtime, requests),
    peer('floor: node:http, one round trip', 'floor-write.ts', runtime, requests, { ROUND_TRIPS: '1' }),
  ];
}

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    await report({
      workload: 'write',
      what: 'createCheck with its audit event in one transaction, in 20 organizations in turn, 16 connections',
      unit: 'requests/s',
      higherIsBetter: true,
      outcomes: await race(writeSides(await server.create('bench', {}))),
      targets: [
        { of: 'Ambit', against: 'floor: node:http, same SQL', atLeast: 0.9 },
        { of: 'Ambit', against: 'floor: node:http, one round trip', atLeast: 0.9 },
      ],
    });
  });
