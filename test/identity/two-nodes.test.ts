import { expect, test } from 'vitest';
import { createProject } from '../decisions/support.ts';
import { uuidOf } from '../enforcement/support.ts';
import { type Api, type ApiResponse, type Caller, startApi } from '../support/api.ts';
import { size } from '../support/size.ts';
import {
  addMember,
  createApiKey,
  createOrganization,
  executeMutation,
  mutate,
  setRole,
  signIn,
} from '../support/world.ts';
import { REFUSED, whole } from './support.ts';
import { createToken, rotateToken } from './tokens.ts';

/** Two nodes on one database: what is revoked or limited on one of them is not possible any more on the other one. */
const api = await startApi();
const second = await startApi({ database: api, pool: 6 });
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
await executeMutation(owner, 'mutation { updatePlan(input: { plan: ENTERPRISE }) { errors { code } } }');
const project = await createProject(owner, 'staging');

const at = (node: Api, { token }: Caller): Caller => node.as(token);
const nodesIn = (round: number): [Api, Api] => (round % 2 === 0 ? [api, second] : [second, api]);

/** The planner answers the first one, and the second one reads no row. */
const LOOKS = [
  `{ viewer { organization { slug } } datasets(first: 1) { totalCount } }`,
  '{ __typename permissions { name } }',
  `query { project(id: "${project}") { id } }`,
];

let [people, asked] = [0, 0];
function look(node: Api, caller: Caller): Promise<ApiResponse> {
  asked += 1;
  return at(node, caller).query(LOOKS[asked % LOOKS.length] as string);
}

interface Revocation {
  caller: Caller;
  revoke(by: Caller): Promise<unknown>;
}

const revoking = (caller: Caller, mutation: string, input: object): Revocation => ({
  caller,
  revoke: async (by) => expect(await mutate(by, mutation, input)).toEqual({ errors: [] }),
});

async function newMember() {
  people += 1;
  return await addMember(api, acme, 'admin', `member${people}`);
}
const colleague = await newMember();

/** What can be revoked, and how. */
const REVOCATIONS: Record<string, () => Promise<Revocation>> = {
  'a token': async () => {
    const token = await createToken(api, owner);
    return revoking(token, 'deleteApiToken', { id: token.id });
  },
  'a token, and with it one that was created with it': async () => {
    const token = await createToken(api, owner);
    return revoking(await createToken(api, token), 'deleteApiToken', { id: token.id });
  },
  'a key': async () => {
    const key = await createApiKey(api, owner, { projectId: project, preset: 'FULL' });
    return revoking(key, 'deleteApiKey', { id: key.id });
  },
  'a session': async () =>
    revoking(await signIn(api, colleague.email, 'acme'), 'signOutMember', { memberId: colleague.memberId }),
  'a member, with a session': async () => {
    const person = await newMember();
    return revoking(person, 'deleteMember', { id: person.memberId });
  },
  'a member, with a token': async () => {
    const person = await newMember();
    return revoking(await createToken(api, person), 'deleteMember', { id: person.memberId });
  },
};

test.each(Object.entries(REVOCATIONS))(
  'under load, no request that begins after the revocation of %s is answered with data, on any node',
  async (_, make) => {
    for (let round = 0; round < size(10, 200); round += 1) {
      const [one, other] = nodesIn(round);
      const { caller, revoke } = await make();
      const during: Promise<ApiResponse>[] = [];
      for (const node of [one, other, other]) expect((await look(node, caller)).status).toBe(200);
      let revoked = false;
      // Requests that begin all the time, until the revocation is acknowledged.
      const load = (async () => {
        while (!revoked) {
          during.push(look(other, caller), look(one, caller));
          await during.at(-1);
        }
      })();
      await revoke(at(one, owner));
      const after = [other, one, other, other].map((node) => look(node, caller));
      revoked = true;
      for (const answer of await Promise.all(after)) expect(whole(answer)).toEqual(REFUSED);
      await load;
      for (const answer of await Promise.all(during)) expect([200, 401]).toContain(answer.status);
    }
  },
  900_000,
);

const ROUNDS = size(4, 250);

test('after a rotation without a grace, the previous secret is refused on the other node, and the new one works', async () => {
  const token = await createToken(api, owner);
  let current: Caller = token;
  for (let round = 0; round < ROUNDS; round += 1) {
    const [one, other] = nodesIn(round);
    for (const node of [one, other]) expect((await look(node, current)).status).toBe(200);
    const rotated = await rotateToken(api, at(one, owner), token.id);
    expect(whole(await look(other, current))).toEqual(REFUSED);
    expect((await look(other, rotated)).status).toBe(200);
    current = rotated;
  }
});

test('both secrets work on both nodes during the grace, and after it only the new one', async () => {
  const [one, other] = [await startApi({ database: api, pool: 3 }), await startApi({ database: api, pool: 3 })];
  const statuses = async (...callers: Caller[]) =>
    await Promise.all(callers.flatMap((caller) => [one, other].map(async (node) => (await look(node, caller)).status)));
  const token = await createToken(api, owner);
  const key = await createApiKey(api, owner, { projectId: project, preset: 'FULL' });
  const ROTATE = `mutation ($id: ID!) { rotateApiKey(input: { id: $id, graceSeconds: 60 }) { secret errors { code } } }`;
  const newer = [
    await rotateToken(api, owner, token.id, { graceSeconds: 60 }),
    api.as((await executeMutation(owner, ROTATE, { id: key.id })).secret),
  ];
  expect(await statuses(token, key)).toEqual([200, 200, 200, 200]);
  expect(await statuses(...newer)).toEqual([200, 200, 200, 200]);
  for (const node of [one, other]) node.advance(61_000);
  expect(await statuses(token, key)).toEqual([401, 401, 401, 401]);
  expect(await statuses(...newer)).toEqual([200, 200, 200, 200]);
});

/** Whether the caller may create datasets, by its decisions and by a try, which writes nothing. */
async function mayCreate(node: Api, caller: Caller): Promise<boolean> {
  const { data } = await at(node, caller).query(
    `{ authorize(requests: [{ permission: "dataset:create", targetId: "${project}" }]) { allowed } }`,
  );
  const tried = await mutate(at(node, caller), 'createDataset', { projectId: project, name: '' });
  expect(tried.refused === undefined, JSON.stringify(tried)).toBe(data.authorize[0].allowed);
  return data.authorize[0].allowed;
}

const LIMITS: Record<string, { limit: (by: Caller, key: string) => Promise<unknown>; undo: string | null }> = {
  'a change of the permissions of the key': {
    limit: (by, id) => mutate(by, 'updateApiKey', { id, permissions: ['dataset:read'] }),
    undo: null,
  },
  'a smaller plan': {
    limit: (by) => mutate(by, 'updatePlan', { plan: 'FREE' }),
    undo: 'mutation { updatePlan(input: { plan: ENTERPRISE }) { errors { code } } }',
  },
};

test.each(Object.entries(LIMITS))('%s limits an API key at once on both nodes', async (_, { limit, undo }) => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const [one, other] = nodesIn(round);
    const key = await createApiKey(api, owner, { projectId: project, permissions: ['dataset:*'] });
    for (const node of [one, other]) expect(await mayCreate(node, key)).toBe(true);
    expect(await limit(at(one, owner), key.id)).toEqual({ errors: [] });
    for (const node of [other, one, other]) expect(await mayCreate(node, key)).toBe(false);
    expect((await look(other, key)).status).toBe(200);
    if (undo) await executeMutation(owner, undo);
  }
});

test('a smaller maximum lifetime ends older tokens at once on both nodes', async () => {
  const [old, recent] = [await createToken(api, owner), await createToken(api, owner)];
  await api.root`update api_tokens set lineage_at = now() - interval '3 days' where id = ${uuidOf('tok', old.id)}`;
  const statuses = async () => {
    const all = [old, recent].flatMap((token) => [second, api].map((node) => look(node, token)));
    return (await Promise.all(all)).map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 200, 200, 200]);
  expect(await mutate(owner, 'updateOrganization', { id: acme.id, apiTokenMaxDays: 2 })).toEqual({ errors: [] });
  expect(await statuses()).toEqual([401, 401, 200, 200]);
});

test('after a demotion or a revocation, the headers of the first request do not show the limits of the organization', async () => {
  const person = await addMember(api, acme, 'admin', 'reading');
  const policies = async () => {
    const answers = await Promise.all([api, second].map((node) => look(node, person)));
    return answers.map(
      ({ status, headers }) => `${status} ${headers.get('ratelimit-policy')?.includes('organization')}`,
    );
  };
  expect(await policies()).toEqual(['200 true', '200 true']);
  await setRole(api.root, person.email, 'read');
  expect(await policies()).toEqual(['200 false', '200 false']);
  await setRole(api.root, person.email, 'admin');
  expect(await policies()).toEqual(['200 true', '200 true']);
  await mutate(owner, 'signOutMember', { memberId: person.memberId });
  expect(await policies()).not.toContain('401 true');
});
