import { expect, test } from 'vitest';
import { RESOURCES } from '../../src/graphql/resource.ts';
import { randomOf } from '../http/random.ts';
import type { Caller, Json } from '../support/api.ts';
import { schema } from '../support/introspect.ts';
import { size } from '../support/size.ts';
import { type Operation, type Options, randomOperation } from './documents.ts';
import { knownIn } from './known.ts';
import { expectSameOnBothWays, startTwoWays, warmUp } from './two-ways.ts';
import { createVocabulary } from './vocabulary.ts';
import { createWorld } from './world.ts';

/** Milliseconds that a long run may take. */
const TIMEOUT = 900_000;

const ways = await startTwoWays();
const world = await createWorld(ways.api);
const known = await knownIn(schema, world);
const vocabulary = createVocabulary(known);
const callers = Object.entries(world.callers);

/** Types whose fields are declared, so that the planner can answer for them. */
const DECLARED = new Set(
  RESOURCES.map(({ name }) => name)
    .flatMap((name) => [name, `${name}Connection`, `${name}Edge`])
    .concat('PageInfo', 'Node'),
);

const declared: Options = { schema, vocabulary, includes: ({ name }) => DECLARED.has(name), without: ['nodes'] };
const everything: Options = { schema, vocabulary, includes: () => true };

/** Callers who differ for each document, so that many documents cover all of them. */
const callersFor = (seed: number, count: number): [string, Caller][] =>
  Array.from({ length: count }, (_, at) => callers[(seed * 7 + at * 5) % callers.length] as [string, Caller]);

interface Share {
  requests: number;
  /** Responses with data and without errors. */
  answered: number;
  planned: number;
}

/** Runs `compare`, which sends requests and returns their responses, and counts the planned answers. */
async function shareOf(compare: () => Promise<{ body: string }[]>): Promise<Share> {
  const before = { ...ways.counts };
  const responses = await compare();
  return {
    requests: responses.length,
    answered: responses.filter(({ body }) => !body.includes('"errors":[{"message"')).length,
    planned: ways.counts.planned - before.planned,
  };
}

const compareAll = (name: string, count: number, options: Options): Promise<Share> =>
  shareOf(async () => {
    const responses = [];
    for (let seed = 0; seed < count; seed += 1) {
      const operation: Operation = randomOperation(randomOf(`${name} ${seed}`), options);
      await warmUp(ways, world.acme.owner, operation);
      const chosen = callersFor(seed, size(4, 8));
      responses.push(...(await Promise.all(chosen.map((caller) => expectSameOnBothWays(ways, caller, operation)))));
    }
    return responses;
  });

test(
  'random documents over declared types get the same bytes from the planner and from the resolvers',
  async () => {
    const share = await compareAll('declared', size(100, 1_000), declared);
    expect(share.answered).toBeGreaterThan(share.requests / 3);
    expect(ways.failures).toEqual([]);
    // Refused operations need the resolvers, for the errors.
    expect(share.planned).toBeGreaterThan(0.6 * share.answered);
  },
  TIMEOUT,
);

test(
  'random documents over the whole schema get the same bytes from the planner and from the resolvers',
  async () => {
    const share = await compareAll('everything', size(60, 1_000), everything);
    expect(share.answered).toBeGreaterThan(share.requests / 6);
    expect(ways.failures).toEqual([]);
  },
  TIMEOUT,
);

/** A document with variables for everything that changes its statements. */
const WITH_VARIABLES = `query ($n: Int, $last: Int, $after: String, $filter: CheckFilter, $order: CheckOrder, $id: ID!, $with: Boolean = true) {
  checks(first: $n, last: $last, after: $after, filter: $filter, orderBy: $order) {
    totalCount edges { cursor node { name notes @include(if: $with) category @skip(if: $with) { name } viewerPermissions } } }
  node(id: $id) { __typename ... on Check { name } ... on Category { alias checks(first: $n) { totalCount } } ... on Dataset { name } } }`;

test('callers who use one document at the same time with different variables get the same bytes from the planner and from the resolvers', async () => {
  const random = randomOf('variables');
  const nodes = ['Check', 'Category', 'Dataset'].flatMap((type) => known.ids[type] ?? []);
  const orders = known.cursors.filter(({ field, parent }) => field === 'checks' && parent === undefined);
  const variables = (): Record<string, Json> => {
    const { args, cursor } = random.of(orders);
    return {
      [random.oneIn(3) ? 'last' : 'n']: random.of([0, 1, 3, 50, 500, null, 501]),
      ...(random.oneIn(2) && { filter: args['filter'], order: args['orderBy'], after: cursor }),
      ...(random.oneIn(3) && { filter: { search: random.of(known.searches) } }),
      ...(random.oneIn(3) && { filter: { ownerId: random.of(known.ids['Member'] ?? []), enabled: null } }),
      ...(random.oneIn(2) && { with: random.oneIn(2) }),
      id: random.of(nodes),
    };
  };
  await warmUp(ways, world.acme.owner, { query: WITH_VARIABLES, variables: variables() });
  const share = await shareOf(async () => {
    const responses = [];
    for (let round = 0; round < size(1, 25); round += 1) {
      const operations = Array.from({ length: 40 }, () => ({ query: WITH_VARIABLES, variables: variables() }));
      const together = operations.map((operation) => expectSameOnBothWays(ways, random.of(callers), operation));
      responses.push(...(await Promise.all(together)));
    }
    return responses;
  });
  expect(ways.failures).toEqual([]);
  expect(share.planned).toBeGreaterThan(0.6 * share.answered);
});
