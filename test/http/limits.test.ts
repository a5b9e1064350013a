import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/http/limits.ts';
import { startApi } from '../support/api.ts';
import { createOrganization, roleId } from '../support/world.ts';

const api = await startApi();
const { owner } = await createOrganization(api, 'acme');

const repeat = (times: number, text: (at: number) => string): string =>
  Array.from({ length: times }, (_, at) => text(at)).join(' ');

describe('an operation above a limit is refused before execution', () => {
  test.each([
    ['1,000 aliases', `{ ${repeat(1000, (at) => `a${at}: __typename`)} }`],
    ['a field selected 1,000 times', `{ ${repeat(1000, () => '__typename')} }`],
    ['one alias too many', `{ ${repeat(LIMITS.aliases + 1, (at) => `a${at}: __typename`)} }`],
    [
      'one directive too many',
      `{ viewer { ${repeat(LIMITS.directives + 1, (at) => `${at ? '' : '__typename'} @include(if: true)`)} } }`,
    ],
    ['a document of 15 KB', `{ viewer { permissions } } #${'x'.repeat(LIMITS.characters)}`],
    ['one line too many', `${'\n'.repeat(LIMITS.lines)}{ viewer { permissions } }`],
    ['one line too many, with other line ends', `${'\r\n\r'.repeat(LIMITS.lines / 2)}{ viewer { permissions } }`],
    ['one token too many', `{ ${repeat(LIMITS.tokens - 1, () => '__typename')} }`],
    [
      'long pages of long lists',
      `{ ${repeat(20, (at) => `a${at}: checks(first: 500) { nodes { id name owner { id user { id name } } category { id name } level { id name } } }`)} }`,
    ],
    [
      'the permissions of many roles',
      `{ ${repeat(3, (at) => `a${at}: nodes(ids: [${`"${roleId('owner')}" `.repeat(100)}]) { ... on Role { permissions } }`)} }`,
    ],
    ['long texts', `{ ${repeat(5, (at) => `a${at}: checks(first: 500) { nodes { notes } }`)} }`],
    ['JSON values', `{ ${repeat(3, (at) => `a${at}: auditEvents(first: 500) { nodes { before after } }`)} }`],
    [
      'long pages in fragments',
      `{ ${repeat(40, (at) => `a${at}: checks(first: 500) { ...p }`)} } fragment p on CheckConnection { nodes { ...c } } fragment c on Check { id name notes enabled }`,
    ],
  ])('%s', async (_what, document) => {
    const { status, data, errors } = await owner.query(document);
    expect({ status, data, codes: [...new Set(errors?.map(({ extensions }) => extensions.code))] }).toEqual({
      status: 400,
      data: undefined,
      codes: ['BAD_REQUEST'],
    });
  });

  test('the cost of the executed operation counts, not of the first one in the document', async () => {
    const expensive = repeat(40, (at) => `a${at}: checks(first: 500) { nodes { id name notes enabled } }`);
    const send = (operationName: string) =>
      fetch(`${api.address}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${owner.token}` },
        body: JSON.stringify({
          query: `query Cheap { viewer { permissions } } query Expensive { ${expensive} }`,
          operationName,
        }),
      });
    expect((await send('Cheap')).status).toBe(200);
    expect((await send('Expensive')).status).toBe(400);
  });

  test('a page length in a variable counts towards the cost', async () => {
    const expensive = repeat(40, (at) => `a${at}: checks(first: $n) { nodes { id name notes enabled } }`);
    expect((await owner.query(`query ($n: Int) { ${expensive} }`, { n: 1 })).status).toBe(200);
    expect((await owner.query(`query ($n: Int) { ${expensive} }`, { n: 500 })).status).toBe(400);
  });

  test('a cycle of fragments', async () => {
    const { status, errors } = await owner.query(
      '{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }',
    );
    expect([status, errors?.[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
  });

  test('an operation with fifty aliases is executed', async () => {
    const { status, errors } = await owner.query(`{ ${repeat(50, (at) => `a${at}: viewer { user { name } }`)} }`);
    expect([status, errors]).toEqual([200, undefined]);
  });
});
