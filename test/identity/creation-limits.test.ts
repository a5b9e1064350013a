import { expect, test } from 'vitest';
import { rateLimitPoints } from '../../src/lib/rate-limits.ts';
import { type Json, startApi } from '../support/api.ts';
import {
  addMember,
  addToOrganization,
  createOrganization,
  mutate,
  type Person,
  roleId,
  signIn,
} from '../support/world.ts';
import { post } from './support.ts';

const open = await startApi();
const acme = await createOrganization(open, 'acme');
const globex = await createOrganization(open, 'globex');
const admin = await addMember(open, acme, 'admin', 'admin');
const second = await addMember(open, acme, 'admin', 'second');

/** The results of attempts, one after the other: `ok`, or the code of the refusal. */
async function results(count: number, attempt: (at: number) => Promise<Json>): Promise<string[]> {
  const all: string[] = [];
  for (const at of Array(count).keys()) {
    const { refused, errors = [] } = await attempt(at);
    all.push(refused ?? errors[0]?.code ?? 'ok');
  }
  return all;
}

let made = 0;
const statements = [{ effect: 'ALLOW', permissions: ['check:read'] }];
const INPUTS: Record<string, (name: string) => object> = {
  createProject: (name) => ({ name, key: name }),
  createRole: (name) => ({ name, statements }),
  createPolicy: (name) => ({ name, statements }),
  createApiToken: (name) => ({ name }),
};

test.each([
  ['createProject', 'projects'],
  ['createRole', 'roles'],
  ['createPolicy', 'policies'],
  ['createApiToken', 'apiTokens'],
] as const)('%s is limited for each person and for each organization', async (mutation, what) => {
  const points = rateLimitPoints({ [`${what}PerPerson`]: 2, [`${what}PerOrganization`]: 3 });
  const api = await startApi({ database: open, config: { rateLimits: points } });
  const create = (token: string | undefined) => () =>
    mutate(api.as(token), mutation, INPUTS[mutation]?.(`${what.toLowerCase()}-${++made}`) ?? {});
  expect(await results(3, create(admin.token))).toEqual(['ok', 'ok', 'RATE_LIMITED']);
  expect(await results(2, create(second.token))).toEqual(['ok', 'RATE_LIMITED']);
  expect(await results(1, create(globex.owner.token))).toEqual(['ok']);
});

test('a person creates a limited number of organizations', async () => {
  const api = await startApi({
    database: open,
    config: { rateLimits: rateLimitPoints({ organizationsPerPerson: 1 }) },
  });
  const create = (token: string | undefined) => (at: number) =>
    mutate(api.as(token), 'createOrganization', { name: 'More', slug: `more-${++made}-${at}` });
  expect(await results(2, create(admin.token))).toEqual(['ok', 'RATE_LIMITED']);
  expect(await results(1, create(second.token))).toEqual(['ok']);
});

test('mails are limited for each person, for each organization and for each recipient', async () => {
  const points = { invitationsPerPerson: 5, mailsPerOrganizationAndRecipient: 2, mailsPerRecipient: 3 };
  const api = await startApi({ database: open, config: { rateLimits: rateLimitPoints(points) } });
  const invite = (token: string | undefined, emails: string[], more: object = {}) =>
    mutate(api.as(token), 'createInvitations', { emails, roleId: roleId('read'), ...more }, 'invitations { id }');
  const to = (name: string) => `${name}@recipient.test`;

  const { invitations } = await invite(admin.token, [to('one')]);
  const resend = (token: string | undefined, id: string) => () => mutate(api.as(token), 'resendInvitation', { id });
  // The first mail was that of the invitation itself.
  expect(await results(2, resend(second.token, invitations[0].id))).toEqual(['ok', 'RATE_LIMITED']);
  // Another organization can still invite the same person, until the person has had three mails.
  const other = await invite(globex.owner.token, [to('one')]);
  expect(other.errors).toEqual([]);
  expect(await results(1, resend(globex.owner.token, other.invitations[0].id))).toEqual(['RATE_LIMITED']);

  const many = ['a', 'b', 'c', 'd', 'e'].map(to);
  expect((await invite(admin.token, many, { dryRun: true })).errors).toEqual([]);
  expect(await invite(admin.token, many)).toEqual({ refused: 'RATE_LIMITED' });
  expect(await open.root`select from invitations where email = ${to('a')}`).toHaveLength(0);
  expect((await invite(second.token, [to('f')])).errors).toEqual([]);
});

test('one person with several organizations, or one network, cannot use up the mails that a recipient can get', async () => {
  const email = 'victim@recipient.test';
  const config = {
    trustedProxies: ['127.0.0.1'],
    rateLimits: rateLimitPoints({
      mailsPerPersonAndRecipient: 2,
      mailsPerNetworkAndRecipient: 4,
      mailsPerRecipient: 5,
    }),
  };
  const api = await startApi({ database: open, config });
  const one = await createOrganization(open, 'one');
  const two = await createOrganization(open, 'two');
  const three = await createOrganization(open, 'three');
  const first = one.owner;
  for (const organization of [two, three]) await addToOrganization(open, organization, first, 'admin');
  const send = async (person: Person, slug: string, address: string): Promise<string> => {
    const { token } = await signIn(open, person.email, slug);
    const query = 'mutation ($input: CreateInvitationsInput!) { createInvitations(input: $input) { errors { code } } }';
    const input = { emails: [email], roleId: roleId('read') };
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': address };
    const { data, errors } = await post(api, headers, query, { input });
    return errors ? errors[0].extensions.code : (data.createInvitations.errors[0]?.code ?? 'ok');
  };
  // A refused mail does not count for the recipient.
  expect(await send(first, 'one', '192.0.2.1')).toBe('ok');
  expect(await send(first, 'two', '192.0.2.1')).toBe('ok');
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'])
    expect(await send(first, 'three', address)).toBe('RATE_LIMITED');
  expect(await send(two.owner, 'two', '192.0.2.1')).toBe('TAKEN');
  expect(await send(three.owner, 'three', '192.0.2.1')).toBe('ok');
  expect(await send(globex.owner, 'globex', '192.0.2.1')).toBe('RATE_LIMITED');
  expect(await send(globex.owner, 'globex', '198.51.100.1')).toBe('ok');
});
