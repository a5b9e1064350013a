import { expect, test } from 'vitest';
import { newSecret } from '../../src/lib/secret.ts';
import { type ApiResponse, startApi } from '../support/api.ts';
import { createApiToken, createOrganization, PASSWORD } from '../support/world.ts';
import { inside, look, post, REFUSED, whole } from './support.ts';

const LOOK = '{ viewer { user { email } organization { slug } } }';

const api = await startApi();
const { owner } = await createOrganization(api, 'acme');
const { token: secret } = await createApiToken(api, owner, 'READ');
const INSIDE = inside(owner.email, 'acme');

const withHeader = async (authorization: string) => whole(await post(api, { authorization }, LOOK));

test('a caller without a credential is anonymous and can read public fields', async () => {
  const { data, errors, status } = await api.as().query('{ __typename viewer { user { id } } permissions { name } }');
  expect({ status, errors, typename: data.__typename, viewer: data.viewer }).toEqual({
    status: 200,
    errors: undefined,
    typename: 'Query',
    viewer: null,
  });
  expect(data.permissions.length).toBeGreaterThan(0);
});

test('the scheme is Bearer in any letter case, for an access token and an API token', async () => {
  for (const credential of [owner.token, secret])
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      expect(await withHeader(`${scheme} ${credential}`)).toEqual(INSIDE);
});

const BAD = {
  'an empty header': '',
  'no token': 'Bearer',
  'an empty token': 'Bearer ',
  'no scheme': `${owner.token}`,
  'the scheme Basic': `Basic ${owner.token}`,
  'the scheme Basic with user and password': `Basic ${Buffer.from(`${owner.email}:${PASSWORD}`).toString('base64')}`,
  'the scheme Token': `Token ${secret}`,
  'two spaces': `Bearer  ${owner.token}`,
  'a tab': `Bearer\t${owner.token}`,
  'two tokens': `Bearer ${owner.token} ${owner.token}`,
  'a list of tokens': `Bearer ${owner.token}, Bearer ${owner.token}`,
  'a token in quotes': `Bearer "${owner.token}"`,
  'the word null': 'Bearer null',
  'the word undefined': 'Bearer undefined',
  'an unknown secret': `Bearer ${newSecret('ambit_pat_')}`,
};
test.each(Object.entries(BAD))('%s is an invalid credential, not a missing one', async (_, authorization) => {
  expect(await withHeader(authorization)).toEqual(REFUSED);
});

test('a request with an invalid credential gets 401 and WWW-Authenticate', async () => {
  const documents = [
    '{ __typename }',
    '{ permissions { name } }',
    '{ noSuchField }',
    'mutation { acceptInvitation(input: { secret: "x" }) { errors { code } } }',
    'mutation { createOrganization(input: { name: "x", slug: "x-x" }) { errors { code } } }',
  ];
  const answers: ApiResponse[] = [];
  for (const document of documents) answers.push(await post(api, { authorization: 'Bearer nobody' }, document));
  // An invalid document is refused before the credential is checked.
  const [invalid] = answers.splice(2, 1);
  expect(invalid).toMatchObject({ data: undefined, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  for (const answer of answers) {
    expect(whole(answer)).toEqual(REFUSED);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expect(answer.headers.get('set-cookie')).toBeNull();
  }
  expect(await api.root`select from organizations where slug = 'x-x'`).toHaveLength(0);
});

test('the credential of a GET request is checked as well', async () => {
  const get = async (headers: Record<string, string>) => {
    const response = await fetch(`${api.address}/graphql?query=${encodeURIComponent(LOOK)}`, { headers });
    return { status: response.status, body: await response.json() };
  };
  const headers = { accept: 'application/json' };
  expect(await get(headers)).toEqual({ status: 200, body: { data: { viewer: null } } });
  const right = await get({ ...headers, authorization: `Bearer ${owner.token}` });
  expect(right).toEqual({ status: 200, body: { data: INSIDE.data } });
  const wrong = await get({ ...headers, authorization: 'Bearer nobody' });
  expect(wrong).toEqual({ status: 401, body: { errors: REFUSED.errors } });
});

test('a credential in a cookie, in the query string or in the body is ignored', async () => {
  const cookie = `authorization=Bearer ${owner.token}; session=${owner.token}; token=${owner.token}`;
  const inQuery = await fetch(
    `${api.address}/graphql?access_token=${owner.token}&authorization=Bearer ${owner.token}`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: LOOK, extensions: { authorization: `Bearer ${owner.token}` } }),
    },
  );
  expect(((await inQuery.json()) as { data: unknown }).data).toEqual({ viewer: null });
  expect((await post(api, { cookie }, LOOK)).data).toEqual({ viewer: null });
  expect(await look(owner)).toEqual(INSIDE);
});

test('when the database does not respond, the request fails with UNAVAILABLE, not with UNAUTHENTICATED', async () => {
  const disconnected = await startApi({ database: api });
  await disconnected.pool.end();
  for (const credential of [owner.token, secret]) {
    const answer = await disconnected.as(credential).query(LOOK);
    expect(answer.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(answer.data).toBeUndefined();
  }
});
