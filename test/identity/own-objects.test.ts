import { expect, test } from 'vitest';
import { createProject } from '../decisions/support.ts';
import { startApi } from '../support/api.ts';
import { addMember, createApiKey, createOrganization, mutate, queryData } from '../support/world.ts';
import { createToken } from './tokens.ts';

const LOOK = '{ sessions { totalCount } apiTokens { totalCount } viewer { member { id } } }';

test('a narrowed token and a key do not reach the sessions and other tokens of whom they belong to', async () => {
  const api = await startApi();
  const acme = await createOrganization(api, 'acme');
  const project = await createProject(acme.owner, 'staging');
  const ann = await addMember(api, acme, 'admin', 'ann');
  const whole = await createToken(api, ann);
  const limited = [
    await createToken(api, ann, { permissions: ['dataset:*'] }),
    await createToken(api, ann, { projectIds: [project] }),
  ];
  const key = await createApiKey(api, ann, { projectId: project, preset: 'FULL' });

  const own = { member: { id: ann.memberId } };
  // Ann and the Owner have signed in, and the Owner twice: without and with the organization.
  const all = { sessions: { totalCount: expect.any(Number) }, apiTokens: { totalCount: 3 }, viewer: own };
  for (const caller of [ann, whole]) {
    const seen = await queryData(caller, LOOK);
    expect(seen).toEqual(all);
    expect(seen.sessions.totalCount).toBeGreaterThan(1);
  }
  const nothing = { sessions: { totalCount: 0 }, apiTokens: { totalCount: 1 } };
  for (const token of limited) expect(await queryData(token, LOOK)).toEqual({ ...nothing, viewer: own });
  const ofKey = { ...nothing, apiTokens: { totalCount: 0 }, viewer: { member: null } };
  expect(await queryData(key, LOOK)).toEqual(ofKey);
  for (const caller of [...limited, key])
    expect(await mutate(caller, 'deleteApiToken', { id: whole.id })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(ann, 'deleteApiToken', { id: whole.id })).toEqual({ errors: [] });
});
