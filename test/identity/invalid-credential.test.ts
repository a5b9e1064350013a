import { describe, expect, test } from 'vitest';
import { newSecret } from '../../src/lib/secret.ts';
import { type Api, startApi } from '../support/api.ts';
import { createApiToken, createOrganization, executeMutation, PASSWORD, signIn } from '../support/world.ts';
import { post, REFUSED, whole } from './support.ts';

const api = await startApi();
const closed = await startApi({ database: api, config: { introspection: 'signed-in' } });
const { owner } = await createOrganization(api, 'acme');

const BAD = { authorization: 'Bearer nobody' };
const IN = `signIn(input: { email: "${owner.email}", password: "${PASSWORD}" }) { session { accessToken } errors { code } }`;
const OFFER = `invitationOffer(secret: "${newSecret('ambit_inv_')}") { email }`;
const DECLINE = 'declineInvitation(input: { secret: "x" }) { errors { code } }';

/** Each way into the server. */
const WAYS: Record<string, (at: Api, query: string, more?: object) => Promise<object>> = {
  'the fast path': (at, query, more) => send(at, query, { ...more }),
  'the path of other requests': (at, query, more) =>
    send(at, query, { ...more }, { accept: 'application/json;q=0.8, */*;q=0.1' }),
};

async function send(at: Api, query: string, more: object, headers: object = {}): Promise<object> {
  const response = await fetch(`${at.address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...BAD, ...headers },
    body: JSON.stringify({ query, ...more }),
  });
  const { data, errors } = (await response.json()) as { data?: unknown; errors?: unknown };
  return { status: response.status, data, errors };
}

describe.each(Object.entries(WAYS))('on %s', (_, ask) => {
  test.each([
    ['a mutation of signIn', `mutation { ${IN} }`],
    ['aliases', `mutation { a: ${IN} b: ${DECLINE} }`],
    ['the name of the type', `mutation { __typename ${IN} }`],
    ['a query for an offer', `{ ${OFFER} }`],
    ['introspection beside it', `{ ${OFFER} __type(name: "Check") { name } __schema { queryType { name } } }`],
    ['introspection alone', '{ __schema { queryType { name } } }'],
    [
      'fragments',
      `query { ...A ... on Query { b: ${OFFER} } } fragment A on Query { ...B } fragment B on Query { ${OFFER} }`,
    ],
  ])('an invalid credential does not stop %s', async (_name, document) => {
    const { status, data, errors } = (await ask(api, document)) as { status: number; data: object; errors: unknown };
    expect([status, errors, Object.keys(data).length > 0]).toEqual([200, undefined, true]);
  });

  test.each([
    ['another field', '{ viewer { user { id } } }'],
    ['a public field', '{ permissions { name } }'],
    ['a field beside an offer', `{ ${OFFER} permissions { name } }`],
    ['an alias of another field', `{ invitationOffer: permissions { name } o: ${OFFER} }`],
    ['a field in a fragment', `{ ...A ${OFFER} } fragment A on Query { ... { viewer { user { id } } } }`],
    ['a skipped field', `{ ${OFFER} viewer @skip(if: true) { user { id } } }`],
    ['a mutation beside signIn', `mutation { ${IN} signOut(input: {}) { deletedId } }`],
    ['acceptInvitation', 'mutation { acceptInvitation(input: { secret: "x" }) { errors { code } } }'],
    ['the name of the type alone', '{ __typename }'],
  ])('an invalid credential refuses %s', async (_name, document) => {
    expect(await ask(api, document)).toEqual(REFUSED);
  });

  test('of a document with several operations, the one that runs decides', async () => {
    const document = `query Offer { ${OFFER} } query Me { viewer { user { id } } }`;
    expect(await ask(api, document, { operationName: 'Offer' })).toMatchObject({
      status: 200,
      data: { invitationOffer: null },
    });
    expect(await ask(api, document, { operationName: 'Me' })).toEqual(REFUSED);
    expect(await ask(api, document, { operationName: 'Other' })).toMatchObject({ status: 400, data: undefined });
  });

  test('where only signed-in callers may introspect, an invalid credential refuses introspection', async () => {
    for (const document of ['{ __schema { queryType { name } } }', `{ ${OFFER} __type(name: "Check") { name } }`])
      expect(await ask(closed, document)).toEqual(REFUSED);
    expect(await ask(closed, `{ ${OFFER} }`)).toMatchObject({ status: 200 });
  });
});

test('a GET request with an invalid credential can read an offer, and nothing else', async () => {
  const get = async (query: string) => {
    const headers = { accept: 'application/json', ...BAD };
    const response = await fetch(`${api.address}/graphql?query=${encodeURIComponent(query)}`, { headers });
    const { data, errors } = (await response.json()) as { data?: unknown; errors?: unknown };
    return { status: response.status, data, errors };
  };
  expect(await get(`{ ${OFFER} }`)).toEqual({ status: 200, data: { invitationOffer: null }, errors: undefined });
  expect(await get('{ permissions { name } }')).toEqual(REFUSED);
});

test('a credential that was revoked while it was cached is ignored in the same way', async () => {
  const session = await signIn(api, owner.email, 'acme');
  const { id, token = '' } = await createApiToken(api, session, 'READ');
  const ask = (query: string) => post(api, { authorization: `Bearer ${token}` }, query);
  expect((await ask('{ checks { totalCount } }')).status).toBe(200);
  const DELETE = 'mutation ($id: ID!) { deleteApiToken(input: { id: $id }) { deletedId errors { code } } }';
  await executeMutation(session, DELETE, { id });
  expect(whole(await ask(`{ ${OFFER} }`))).toEqual({ status: 200, data: { invitationOffer: null }, errors: undefined });
  expect((await ask(`mutation { ${IN} }`)).data.signIn.errors).toEqual([]);
  expect(whole(await ask('{ checks { totalCount } }'))).toEqual(REFUSED);
});
