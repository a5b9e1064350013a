import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { createOrganization, membersOfEachRole, mutate, queryData } from '../support/world.ts';

const api = await startApi();
const people = await membersOfEachRole(api, await createOrganization(api, 'acme'));

const FIELDS = 'rubric { name description }';

test('every member except a Guest can read the rubric, also by its ID', async () => {
  const { guest, ...readers } = people;
  for (const person of Object.values(readers)) {
    const { rubric } = await queryData(person, '{ rubric { id name description } }');
    expect(rubric).toMatchObject({ name: 'Service maturity', description: null });
    const document = 'query ($id: ID!) { node(id: $id) { id ... on Rubric { name description } } }';
    expect(await queryData(person, document, { id: rubric.id })).toEqual({ node: rubric });
    expect(await queryData(guest, document, { id: rubric.id })).toEqual({ node: null });
  }
  const { errors } = await guest.query('{ rubric { id } }');
  expect(errors?.map(({ extensions }) => extensions.reason)).toEqual(['NO_GRANT']);
});

test('an Admin updates the name, which is trimmed, and the description, which is not, and a User cannot', async () => {
  const description = '    code\n\nBecause. \n';
  const changes = { name: '  Maturity  ', description };
  const now = { rubric: { name: 'Maturity', description } };
  expect(await mutate(people.admin, 'updateRubric', changes, FIELDS)).toEqual({ ...now, errors: [] });
  expect(await mutate(people.user, 'updateRubric', { name: 'Mine' }, FIELDS)).toEqual({ refused: 'NO_GRANT' });
  expect(await queryData(people.read, `{ ${FIELDS} }`)).toEqual(now);
});

test.each(['', ' \n '])('a description of %j is an error, and null clears it', async (description) => {
  expect(await mutate(people.admin, 'updateRubric', { name: 'Maturity', description })).toEqual({
    errors: [{ code: 'TOO_SHORT', path: ['description'] }],
  });
  expect(await mutate(people.admin, 'updateRubric', { name: 'Maturity', description: null }, FIELDS)).toEqual({
    rubric: { name: 'Maturity', description: null },
    errors: [],
  });
});

test('each organization has its own rubric', async () => {
  const globex = await createOrganization(api, 'globex');
  await mutate(people.admin, 'updateRubric', { name: 'Of Acme' });
  expect((await queryData(globex.owner, '{ rubric { name } }')).rubric.name).toBe('Service maturity');
  const { rubric } = await queryData(people.owner, '{ rubric { id } }');
  expect(await queryData(globex.owner, 'query ($id: ID!) { node(id: $id) { id } }', { id: rubric.id })).toEqual({
    node: null,
  });
});

test('concurrent updates all succeed, one after the other', async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      mutate(people.admin, 'updateRubric', n % 2 ? { name: `Name ${n}` } : { description: `Description ${n}` }),
    ),
  );
  expect(answers).toEqual(Array.from({ length: 10 }, () => ({ errors: [] })));
  const { rubric } = await queryData(people.read, `{ ${FIELDS} }`);
  expect(rubric).toEqual({
    name: expect.stringMatching(/^Name \d$/),
    description: expect.stringMatching(/^Description \d$/),
  });
});
