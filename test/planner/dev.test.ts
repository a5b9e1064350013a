import type { ExecutionArgs } from 'graphql';
import { expect, test } from 'vitest';
import { createExecute } from '../../src/executor/execute.ts';
import { createPlans } from '../../src/executor/plans.ts';
import { createHandler } from '../../src/http/handler.ts';
import { createGraphql } from '../../src/http/yoga.ts';
import { createPlanner } from '../../src/planner/planner.ts';
import { buildSchema } from '../../src/schema.ts';
import { createSampleObjects } from '../enforcement/support.ts';
import { callerAt, listen, startApi } from '../support/api.ts';
import { createOrganization, membersOfEachRole, mutate, createCheck, getRubric } from '../support/world.ts';

const api = await startApi();
const schema = buildSchema();
const { dependencies } = api.app;
const prepare = createPlans();
const planner = createPlanner(prepare);
const execute = createExecute(undefined, prepare);
const explainedOf = (args: ExecutionArgs) => planner.explain(args);
const seen: [string, string, string][] = [];
const address = await listen(
  createHandler(
    createGraphql(schema, dependencies, async (args: ExecutionArgs) => {
      const asked = planner.answer(args);
      const text = asked && (await asked.catch((e) => { console.log('FAILED', e.message, e.stack?.split('\n').slice(0,4).join('|'), JSON.stringify(explainedOf(args))); throw e; }));
      const explained = planner.explain(args);
      const result = await execute(args);
      if (text !== null) seen.push(['planned', text, JSON.stringify(result)]);
      else seen.push(['resolved', JSON.stringify(explained), '']);
      if (process.env['SHOW']) console.log(explained);
      return result;
    }),
    dependencies,
  ),
);
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const things = await createSampleObjects(api, acme);
const me = callerAt(address, people.owner.token);
const rubric = await getRubric(people.owner);
const catId = Object.values(rubric.categories ?? {})[0], lvlId = Object.values(rubric.levels ?? {})[0];
const member = (await people.owner.query('{ members { nodes { id } } }')).data.members.nodes[0].id;
for (let n = 0; n < 5; n += 1) await mutate(people.owner, 'createCheck', { name: `odd "${n}" \\ \u2028 é 😀`, ...(n % 2 && { notes: 'a\nb\tc "\\' }), category: { id: catId }, levelId: lvlId, ownerId: member, ...(n === 3 && { enableOn: '2030-01-01T00:00:00.123Z' }) }, 'check { id }').then((r) => r.check || console.log(JSON.stringify(r)));
console.log(JSON.stringify(rubric), (await people.owner.query('{ checks { nodes { name } } }')).data.checks.nodes.length);

const DOCS: [string, object?][] = [
  ['{ checks { nodes { id name notes enabled enableOn type alias createdAt updatedAt __typename } } }'],
  ['{ checks { nodes { id category { id name } level { id name index } owner { id user { id name email } } } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }'],
  ['{ checks(first: 2) { edges { cursor node { id name } } nodes { id } pageInfo { hasNextPage endCursor } __typename } }'],
  ['{ checks(last: 2, orderBy: {field: UPDATED_AT, direction: DESC}) { edges { cursor node { id name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }'],
  ['{ categories { nodes { name checks(first: 2) { nodes { name level { name } } totalCount pageInfo { hasNextPage endCursor } } viewerPermissions } } levels { nodes { name index } } x: __typename }'],
  ['query($id: ID!) { node(id: $id) { id ... on Check { name enabled category { name } } } check(id: $id) { name } }', { id: things.check }],
  ['{ datasets { nodes { id name project { id key name viewerPermissions } viewerPermissions } totalCount } }'],
  ['{ checks(filter: { search: "odd", enabled: true }) { nodes { name } totalCount } }'],
  ['{ checks(filter: { createdAt: { from: "2020-01-01T00:00:00Z" } }) { nodes { name } } }'],
  ['{ tiers { nodes { id name viewerPermissions } } lifecycles { nodes { name } } }'],
];
test.each(DOCS)('%s', async (doc, variables) => {
  seen.length = 0;
  const r = await me.query(doc, variables as never);
  expect(r.errors).toBeUndefined();
  const [kind, planned, resolved] = seen.at(-1) as never as string[];
  if (kind === 'planned') expect(planned).toBe(resolved);
  else throw new Error(planned);
});
