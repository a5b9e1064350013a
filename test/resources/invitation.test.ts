import { expect, test } from 'vitest';
import { rateLimitPoints } from '../../src/lib/rate-limits.ts';
import { newSecret } from '../../src/lib/secret.ts';
import { createProject, createRole, giveProjectRole, giveRole } from '../decisions/support.ts';
import { type Api, type Caller, type Json, startApi } from '../support/api.ts';
import { size } from '../support/size.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  membersOfEachRole,
  mutate,
  type Organization,
  queryData,
  roleId,
  signUp,
} from '../support/world.ts';

const DAY = 24 * 60 * 60_000;
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const globex = await createOrganization(api, 'globex');

const INVITED = 'invitations { id email expiresAt mailStatus }';
const GONE = { organization: null, errors: [{ code: 'NOT_FOUND', path: ['secret'] }] };

let count = 0;
const someone = (): string => {
  count += 1;
  return `person${count}@elsewhere.test`;
};

/** The secret in the last mail to this address. Without SMTP, mail is written to the log. */
function secretFor(email: string, server: Api = api): string {
  const mail = server.logged.findLast((entry) => (entry['mail'] as Json)?.to === email)?.['mail'] as Json;
  return /ambit_inv_[0-9a-f]{72}/.exec(mail?.text)?.[0] ?? '';
}

const invite = (by: Caller, input: object): Promise<Json> =>
  mutate(by, 'createInvitations', { roleId: roleId('read'), ...input }, INVITED);

/** Invites one new address, and returns it with the secret of the mail. */
async function invited(by: Caller, input: object = {}): Promise<{ email: string; id: string; secret: string }> {
  const email = someone();
  const answer = await invite(by, { emails: [email], ...input });
  if (!answer.invitations) throw new Error(JSON.stringify(answer));
  return { email, id: answer.invitations[0].id, secret: secretFor(email) };
}

const accept = (by: Caller, secret: string, results = 'organization { name }'): Promise<Json> =>
  mutate(by, 'acceptInvitation', { secret }, results);

const OFFER = 'query ($secret: String!) { invitationOffer(secret: $secret) { organizationName email roleName } }';
const offerOf = async (secret: string): Promise<Json> => (await queryData(api.as(), OFFER, { secret })).invitationOffer;

const membersOf = async (organization: Organization): Promise<number> =>
  (await queryData(organization.owner, '{ members { totalCount } }')).members.totalCount;

test('an invited person reads the offer, signs up, accepts once and becomes a member', async () => {
  const email = 'ada@elsewhere.test';
  const answer = await invite(people.admin, { emails: [email], roleId: roleId('write') });
  expect(answer).toEqual({
    invitations: [{ id: expect.any(String), email, expiresAt: expect.any(String), mailStatus: 'SENT' }],
    errors: [],
  });
  const left = new Date(answer.invitations[0].expiresAt).getTime() - Date.now();
  expect(left).toBeGreaterThan(7 * DAY - 60_000);
  expect(left).toBeLessThanOrEqual(7 * DAY);
  const secret = secretFor(email, api);
  expect(await offerOf(secret)).toEqual({ organizationName: 'acme', email, roleName: 'Write' });

  const ada = await signUp(api, 'ADA@Elsewhere.test');
  const { session, ...accepted } = await accept(
    ada,
    secret,
    'organization { slug } member { role { name } user { email } } session { accessToken organization { slug } }',
  );
  expect(accepted).toEqual({
    organization: { slug: 'acme' },
    member: { role: { name: 'Write' }, user: { email: 'ADA@Elsewhere.test' } },
    errors: [],
  });
  // She had no organization, so her session is bound to this one.
  expect(session.organization).toEqual({ slug: 'acme' });
  const bound = api.as(session.accessToken);
  expect(await accept(bound, secret)).toEqual(GONE);
  expect(await offerOf(secret)).toBeNull();
  const { viewer } = await queryData(
    bound,
    '{ viewer { organization { id } memberships { organization { slug } roleName current } } }',
  );
  expect(viewer).toEqual({
    organization: { id: acme.id },
    memberships: [{ organization: { slug: 'acme' }, roleName: 'Write', current: true }],
  });
});

test('an access token without an organization is refused once its session is bound to one', async () => {
  const { email, secret } = await invited(people.admin);
  const guest = await signUp(api, email);
  expect((await accept(guest, secret, 'session { accessToken }')).session).not.toBeNull();
  const { errors } = await guest.query('{ viewer { organization { slug } } }');
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED']);
  // The refresh token stays valid, so that clients which ignore the new tokens can continue.
  const refresh =
    'mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) { session { organization { slug } } } }';
  const { refreshSession } = await queryData(api.as(), refresh, { token: guest.refreshToken });
  expect(refreshSession.session.organization).toEqual({ slug: 'acme' });
});

test('the session of a person with an organization stays bound to it, and gets no new tokens', async () => {
  const { owner } = await createOrganization(api, 'umbrella');
  await invite(people.admin, { emails: [owner.email] });
  expect(await accept(owner, secretFor(owner.email, api), 'session { accessToken }')).toEqual({
    session: null,
    errors: [],
  });
  expect((await queryData(owner, '{ viewer { organization { slug } } }')).viewer.organization).toEqual({
    slug: 'umbrella',
  });
});

test('an invitation can grant project roles and custom roles', async () => {
  const projectId = await createProject(acme.owner, 'apollo');
  const annotator = await createRole(acme.owner, 'Annotator', [{ effect: 'ALLOW', permissions: ['dataset:*'] }]);
  const { roles } = await queryData(acme.owner, 'query ($id: ID!) { roles(projectId: $id) { nodes { id name } } }', {
    id: projectId,
  });
  const manager = roles.nodes.find(({ name }: Json) => name === 'Manager').id;
  const { email, secret } = await invited(people.admin, {
    roleId: annotator,
    projectRoles: [{ projectId, roleId: manager }],
  });
  const { invitations } = await queryData(
    people.admin,
    '{ invitations(first: 1) { nodes { email role { name } projectRoles { project { key } role { name } } inviter { id } viewerPermissions } } }',
  );
  expect(invitations.nodes).toEqual([
    {
      email,
      role: { name: 'Annotator' },
      projectRoles: [{ project: { key: 'apollo' }, role: { name: 'Manager' } }],
      inviter: { id: people.admin.memberId },
      viewerPermissions: ['invitation:read', 'invitation:update', 'invitation:delete'],
    },
  ]);
  await accept(await signUp(api, email), secret);
  const { project } = await queryData(
    acme.owner,
    '{ project(key: "apollo") { members { nodes { role { name } principal { ... on Member { user { email } role { name } } } } } } }',
  );
  expect(project.members.nodes).toEqual([
    { role: { name: 'Manager' }, principal: { user: { email }, role: { name: 'Annotator' } } },
  ]);
});

test('one invalid address rejects all invitations of a request, with an error at its path', async () => {
  const emails = [someone(), someone(), someone()];
  expect((await invite(people.admin, { emails })).invitations.map(({ email }: Json) => email)).toEqual(emails);
  const fresh = someone();
  const [first = ''] = emails;
  const wrong = [fresh, first.toUpperCase(), people.read.email, fresh.toUpperCase()];
  expect(await invite(people.admin, { emails: wrong })).toEqual({
    invitations: null,
    errors: ['1', '2', '3'].map((at) => ({ code: 'TAKEN', path: ['emails', at] })),
  });
  expect(secretFor(fresh)).toBe('');
  const bad = await invite(people.admin, { emails: [fresh, 'no address', 'a@b.test\r\nBcc: c@d.test'] });
  expect(bad.errors).toEqual(['1', '2'].map((at) => ({ code: 'INVALID', path: ['emails', at] })));
  expect((await invite(people.admin, { emails: [] })).errors).toEqual([{ code: 'TOO_SHORT', path: ['emails'] }]);
  const many = Array.from({ length: 51 }, someone);
  expect((await invite(people.admin, { emails: many })).errors).toEqual([{ code: 'TOO_LONG', path: ['emails'] }]);
});

test('only Owners and Admins can invite, and not with a READ token', async () => {
  for (const role of ['read', 'user', 'write'] as const)
    expect(await invite(people[role], { emails: [someone()] })).toEqual({ refused: 'NO_GRANT' });
  expect(await invite(api.as(), { emails: [someone()] })).toEqual({ refused: 'UNAUTHENTICATED' });
  expect(await invite(await createApiToken(api, acme.owner, 'READ'), { emails: [someone()] })).toEqual({
    refused: 'READ_ONLY_TOKEN',
  });
  expect((await invite(await createApiToken(api, people.admin, 'WRITE'), { emails: [someone()] })).errors).toEqual([]);
});

test('nobody can be invited as Owner, also not by an Owner', async () => {
  for (const by of [acme.owner, people.admin])
    expect(await invite(by, { emails: [someone()], roleId: roleId('owner') })).toEqual({
      invitations: null,
      errors: [{ code: 'INVALID', path: ['roleId'] }],
    });
});

test('an invitation cannot grant permissions that the inviter lacks, in the organization or in a project', async () => {
  const recruiter = await createRole(acme.owner, 'Recruiter', [
    { effect: 'ALLOW', permissions: ['invitation:*', '*:read'] },
  ]);
  const person = await addMember(api, acme, 'read', 'recruiter');
  await giveRole(acme.owner, person.memberId, recruiter);
  expect(await invite(person, { emails: [someone()], roleId: roleId('admin') })).toEqual({ refused: 'NOT_HELD' });
  expect((await invite(person, { emails: [someone()], roleId: recruiter })).errors).toEqual([]);
  const projectId = await createProject(acme.owner, 'gemini');
  const { roles } = await queryData(acme.owner, 'query ($id: ID!) { roles(projectId: $id) { nodes { id name } } }', {
    id: projectId,
  });
  const manager = roles.nodes.find(({ name }: Json) => name === 'Manager').id;
  const projectRoles = [{ projectId, roleId: manager }];
  expect(await invite(person, { emails: [someone()], roleId: recruiter, projectRoles })).toEqual({
    refused: 'NO_GRANT',
  });
  // A project role limits which permissions the inviter can grant in that project.
  await giveProjectRole(acme.owner, projectId, person.memberId, null);
  expect(await invite(person, { emails: [someone()], roleId: recruiter })).toEqual({ refused: 'NOT_HELD' });
  // Resending an invitation with more permissions is refused, too.
  const { id } = await invited(people.admin, { roleId: roleId('admin') });
  expect(await mutate(person, 'resendInvitation', { id }, 'invitation { mailStatus }')).toEqual({
    refused: 'NOT_HELD',
  });
});

test('IDs of another organization are rejected like unknown IDs, and nothing is written', async () => {
  const foreignProject = await createProject(globex.owner, 'secret');
  const foreignRole = await createRole(globex.owner, 'Foreign', [{ effect: 'ALLOW', permissions: ['*:read'] }]);
  const project = await createProject(acme.owner, 'own');
  const foreign = await invited(globex.owner);
  const emails = [someone()];
  expect((await invite(acme.owner, { emails, roleId: foreignRole })).errors).toEqual([
    { code: 'NOT_FOUND', path: ['roleId'] },
  ]);
  const inForeign = [{ projectId: foreignProject, roleId: roleId('read') }];
  expect((await invite(acme.owner, { emails, projectRoles: inForeign })).errors).toEqual([
    { code: 'NOT_FOUND', path: ['projectRoles', '0', 'projectId'] },
  ]);
  const foreignInOwn = [{ projectId: project, roleId: foreignRole }];
  expect((await invite(acme.owner, { emails, projectRoles: foreignInOwn })).errors).toEqual([
    { code: 'NOT_FOUND', path: ['projectRoles', '0', 'roleId'] },
  ]);
  for (const name of ['resendInvitation', 'deleteInvitation'])
    expect(await mutate(acme.owner, name, { id: foreign.id })).toEqual({ refused: 'NOT_FOUND' });
  expect(await queryData(acme.owner, 'query ($id: ID!) { node(id: $id) { id } }', { id: foreign.id })).toEqual({
    node: null,
  });
  expect(secretFor(emails[0] as string)).toBe('');
  expect(await offerOf(foreign.secret)).not.toBeNull();
});

test('the response is the same for an unknown, malformed, revoked, replaced, expired or foreign secret', async () => {
  const { email, secret } = await invited(people.admin);
  const [right, wrong] = [await signUp(api, email), await signUp(api, someone())];
  const revoked = await invited(people.admin);
  await mutate(people.admin, 'deleteInvitation', { id: revoked.id });
  const revokedPerson = await signUp(api, revoked.email);
  const resent = await invited(people.admin);
  await mutate(people.admin, 'resendInvitation', { id: resent.id });
  const resentPerson = await signUp(api, resent.email);
  const answers = await Promise.all([
    wrong.query(ACCEPT, { secret }),
    right.query(ACCEPT, { secret: newSecret('ambit_inv_') }),
    right.query(ACCEPT, { secret: `${secret.slice(0, -1)}x` }),
    right.query(ACCEPT, { secret: '' }),
    right.query(ACCEPT, { secret: newSecret('ambit_pat_') }),
    revokedPerson.query(ACCEPT, { secret: revoked.secret }),
    resentPerson.query(ACCEPT, { secret: resent.secret }),
  ]);
  const bodies = answers.map(({ data, errors, status }) => ({ data, errors, status }));
  expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  expect(bodies[0]?.data.acceptInvitation.errors).toMatchObject([{ code: 'NOT_FOUND', path: ['secret'] }]);
  for (const dead of [revoked.secret, resent.secret]) expect(await offerOf(dead)).toBeNull();
  expect((await accept(resentPerson, secretFor(resent.email))).organization).toEqual({ name: 'acme' });
  expect((await accept(right, secret)).organization).toEqual({ name: 'acme' });
});
const ACCEPT =
  'mutation ($secret: String!) { acceptInvitation(input: { secret: $secret }) { organization { id } errors { code message path } } }';

test('a dry run of acceptInvitation returns the access to be gained, and changes nothing', async () => {
  const email = someone();
  const person = await signUp(api, email);
  await invite(acme.owner, { emails: [email], roleId: roleId('user') });
  const document = `mutation ($secret: String!) {
    acceptInvitation(input: { secret: $secret, dryRun: true }) {
      organization { id } member { id } accessChanges { principal { id } project { id } gained lost } errors { code }
    }
  }`;
  const secret = secretFor(email, api);
  const { acceptInvitation } = await queryData(person, document, { secret });
  const { node } = await queryData(acme.owner, 'query ($id: ID!) { node(id: $id) { ... on Role { permissions } } }', {
    id: roleId('user'),
  });
  expect(acceptInvitation).toEqual({
    ...{ organization: null, member: null, errors: [] },
    accessChanges: [{ principal: null, project: null, gained: expect.any(Array), lost: [] }],
  });
  expect(acceptInvitation.accessChanges[0].gained.toSorted()).toEqual(node.permissions.toSorted());
  expect((await queryData(person, '{ viewer { memberships { current } } }')).viewer.memberships).toEqual([]);
  expect(await offerOf(secret)).not.toBeNull();
});

test('an invitation expires after 7 days, and resending or replacing it starts 7 new days', async () => {
  const server = await startApi();
  const { owner } = await createOrganization(server, 'clockwork');
  const make = async (email: string) => (await invite(owner, { emails: [email] })).invitations[0];
  const [ann, bob] = [someone(), someone()];
  const [person, { id }] = [await signUp(server, ann), await make(ann)];
  await make(bob);
  server.advance(7 * DAY - 60_000);
  // Access tokens expire earlier.
  const late = await again(server, ann);
  expect((await queryData(late, OFFER, { secret: secretFor(ann, server) })).invitationOffer).not.toBeNull();
  server.advance(60_000);
  const [later, founder] = [await again(server, ann), await again(server, owner.email, 'clockwork')];
  expect(await accept(later, secretFor(ann, server))).toEqual(GONE);
  expect((await queryData(later, OFFER, { secret: secretFor(ann, server) })).invitationOffer).toBeNull();
  expect(await queryData(founder, '{ usage { seats } invitations { totalCount } }')).toEqual({
    usage: { seats: 1 },
    invitations: { totalCount: 2 },
  });
  expect((await mutate(founder, 'resendInvitation', { id }, 'invitation { mailStatus }')).errors).toEqual([]);
  expect((await accept(later, secretFor(ann, server))).organization).toEqual({ name: 'clockwork' });
  expect((await invite(founder, { emails: [bob.toUpperCase()] })).errors).toEqual([]);
  expect(person.token).toBeDefined();
});
const again = async (server: Api, email: string, organizationSlug?: string): Promise<Caller> => {
  const input = { email, password: 'correct horse battery', organizationSlug };
  const { session } = await mutate(server.as(), 'signIn', input, 'session { accessToken }');
  return server.as(session.accessToken);
};

test('acceptance checks the granted permissions against those of the inviter again', async () => {
  const inviter = await addMember(api, acme, 'admin', 'inviter');
  const [first, second, third] = [
    await invited(inviter, { roleId: roleId('admin') }),
    await invited(inviter),
    await invited(inviter),
  ];
  const [one, two, three] = [
    await signUp(api, first.email),
    await signUp(api, second.email),
    await signUp(api, third.email),
  ];
  // The inviter can still invite, but lacks permissions of the offered role.
  const recruiter = await createRole(acme.owner, 'Weak recruiter', [
    { effect: 'ALLOW', permissions: ['invitation:*', '*:read'] },
  ]);
  await giveRole(acme.owner, inviter.memberId, recruiter);
  expect(await accept(one, first.secret)).toEqual(GONE);
  // The inviter cannot invite any more.
  await giveRole(acme.owner, inviter.memberId, roleId('write'));
  expect(await accept(two, second.secret)).toEqual(GONE);
  // The member who resends it becomes the inviter.
  await mutate(people.admin, 'resendInvitation', { id: second.id });
  expect((await accept(two, secretFor(second.email))).errors).toEqual([]);
  // An invitation ends with the membership of its inviter.
  await mutate(acme.owner, 'deleteMember', { id: inviter.memberId });
  expect(await accept(three, third.secret)).toEqual(GONE);
  expect(await offerOf(third.secret)).toBeNull();
});

test('an invitation to a deleted role or project can neither be accepted nor resent', async () => {
  const projectId = await createProject(acme.owner, 'fleeting');
  const { roles } = await queryData(acme.owner, 'query ($id: ID!) { roles(projectId: $id) { nodes { id name } } }', {
    id: projectId,
  });
  const manager = roles.nodes.find(({ name }: Json) => name === 'Manager').id;
  const inProject = await invited(people.admin, { projectRoles: [{ projectId, roleId: manager }] });
  const role = await createRole(acme.owner, 'Fleeting', [{ effect: 'ALLOW', permissions: ['*:read'] }]);
  const withRole = await invited(people.admin, { roleId: role });
  await mutate(acme.owner, 'deleteProject', { id: projectId, key: 'fleeting' });
  await mutate(acme.owner, 'deleteRole', { id: role });
  for (const { email, secret, id } of [inProject, withRole]) {
    expect(await accept(await signUp(api, email), secret)).toEqual(GONE);
    const again = await mutate(people.admin, 'resendInvitation', { id }, 'invitation { mailStatus }');
    expect(again).toEqual({ invitation: null, errors: [{ code: 'INVALID', path: ['id'] }] });
  }
  expect(await offerOf(withRole.secret)).toBeNull();
});

test('an API token and an anonymous caller cannot accept an invitation', async () => {
  const server = await createOrganization(api, 'initech');
  const { email, secret } = await invited(people.admin);
  await api.root`update users set email = ${email} where email = ${server.owner.email}`;
  expect(await accept(await createApiToken(api, server.owner, 'WRITE'), secret)).toEqual({
    refused: 'SESSION_REQUIRED',
  });
  expect(await accept(await createApiToken(api, server.owner, 'READ'), secret)).toEqual({ refused: 'READ_ONLY_TOKEN' });
  expect(await accept(api.as(), secret)).toEqual({ refused: 'UNAUTHENTICATED' });
  expect((await accept(server.owner, secret)).organization).toEqual({ name: 'acme' });
});

test('a person without an account declines once with the secret, which leaves an audit event', async () => {
  const { secret, id, email } = await invited(people.admin);
  expect(await mutate(api.as(), 'declineInvitation', { secret }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
  expect((await mutate(api.as(), 'declineInvitation', { secret })).errors).toEqual(GONE.errors);
  expect(await accept(await signUp(api, email), secret)).toEqual(GONE);
  // The event of a member of another organization has the e-mail address, but no role.
  const other = await invited(people.admin);
  await mutate(globex.owner, 'declineInvitation', { secret: other.secret }, 'deletedId');
  const { auditEvents } = await queryData(
    acme.owner,
    '{ auditEvents(first: 2, filter: { action: "declineInvitation" }) { nodes { actor { kind email } role targetId outcome } } }',
  );
  expect(auditEvents.nodes).toEqual([
    { actor: { kind: 'USER', email: globex.owner.email }, role: null, targetId: other.id, outcome: 'ALLOWED' },
    { actor: { kind: 'ANONYMOUS', email: null }, role: null, targetId: id, outcome: 'ALLOWED' },
  ]);
});

test('acceptance leaves one audit event in the joined organization, and no event contains a secret', async () => {
  const { email, secret } = await invited(people.admin);
  const hooli = await createOrganization(api, 'hooli');
  await api.root`update users set email = ${email} where email = ${hooli.owner.email}`;
  const eventsOf = async (slug: string): Promise<Json[]> =>
    await api.root`select action, outcome, actor, role from audit_events
      where organization_id = (select id from organizations where slug = ${slug}) order by id`;
  const [acmeBefore, hooliBefore] = [await eventsOf('acme'), await eventsOf('hooli')];
  await accept(hooli.owner, secret);
  expect((await eventsOf('acme')).slice(acmeBefore.length)).toEqual([
    { action: 'acceptInvitation', outcome: 'ALLOWED', actor: email, role: 'Read' },
  ]);
  expect(await eventsOf('hooli')).toEqual(hooliBefore);
  const [{ dump }] = (await api.root`select string_agg(e::text, ' ') as dump from audit_events e`) as unknown as [Json];
  expect(dump).not.toContain('ambit_inv_');
  expect(dump).not.toContain('"hash"');
});

test('exactly one of two concurrent acceptances succeeds', { timeout: 300_000 }, async () => {
  for (let round = 0; round < size(10, 100); round += 1) {
    const { email, secret } = await invited(people.admin);
    const person = await signUp(api, email);
    const before = await membersOf(acme);
    const answers = await Promise.all([accept(person, secret), accept(person, secret)]);
    expect(answers.filter((answer) => answer.organization !== null)).toHaveLength(1);
    expect(answers.filter((answer) => answer.organization === null)).toEqual([GONE]);
    expect(await membersOf(acme)).toBe(before + 1);
  }
});

test('exactly one of two concurrent requests gets the last seat, or invites one address', {
  timeout: 300_000,
}, async () => {
  const small = await createOrganization(api, 'small');
  await api.root`update organizations set plan = 'FREE' where slug = 'small'`;
  const nine = (await invite(small.owner, { emails: Array.from({ length: 8 }, someone) })).errors;
  expect(nine).toEqual([]);
  for (let round = 0; round < size(10, 50); round += 1) {
    const answers = await Promise.all([someone(), someone()].map((email) => invite(small.owner, { emails: [email] })));
    expect(answers.filter((answer) => answer.refused === 'PLAN_REQUIRED')).toHaveLength(1);
    const [{ invitations }] = answers.filter((answer) => answer.invitations);
    await mutate(small.owner, 'deleteInvitation', { id: invitations[0].id });
    const email = someone();
    const same = await Promise.all([email, email.toUpperCase()].map((one) => invite(small.owner, { emails: [one] })));
    expect(same.map((answer) => answer.errors?.[0]?.code ?? 'ok').sort()).toEqual(['TAKEN', 'ok']);
    await mutate(small.owner, 'deleteInvitation', { id: same.find((answer) => answer.invitations).invitations[0].id });
  }
});

test('an acceptance during a resend or a deletion either succeeds or finds the secret invalid', async () => {
  for (const name of ['resendInvitation', 'deleteInvitation'])
    for (let round = 0; round < size(5, 20); round += 1) {
      const { email, id, secret } = await invited(people.admin);
      const person = await signUp(api, email);
      const [accepted, changed] = await Promise.all([accept(person, secret), mutate(people.admin, name, { id })]);
      if (accepted.organization) expect(changed).toEqual({ refused: 'NOT_FOUND' });
      else expect([accepted, changed.errors]).toEqual([GONE, []]);
    }
});

test('the plan limits apply to the creation and to the acceptance of an invitation', async () => {
  const team = await createOrganization(api, 'team');
  const projectId = await createProject(team.owner, 'p');
  const { roles } = await queryData(team.owner, 'query ($id: ID!) { roles(projectId: $id) { nodes { id name } } }', {
    id: projectId,
  });
  const projectRoles = [{ projectId, roleId: roles.nodes.find(({ name }: Json) => name === 'Manager').id }];
  const role = await createRole(team.owner, 'Reader', [{ effect: 'ALLOW', permissions: ['*:read'] }]);
  const offers = [{ projectRoles }, { roleId: role }];
  const made = await Promise.all(offers.map((offer) => invited(team.owner, offer)));
  const full = await Promise.all(Array.from({ length: 10 }, () => invited(team.owner)));
  await mutate(team.owner, 'updatePlan', { plan: 'FREE' });
  for (const offer of offers)
    expect(await invite(team.owner, { emails: [someone()], ...offer })).toEqual({ refused: 'PLAN_REQUIRED' });
  const persons = await Promise.all(made.map(({ email }) => signUp(api, email)));
  for (const [at, person] of persons.entries())
    expect(await accept(person, made[at]?.secret ?? '')).toEqual({ refused: 'PLAN_REQUIRED' });
  const joined = [];
  for (const { email, secret } of full) joined.push(await accept(await signUp(api, email), secret));
  expect(joined.map((answer) => answer.refused ?? 'ok')).toEqual([...Array(9).fill('ok'), 'PLAN_REQUIRED']);
  // The invitation is valid again after the upgrade.
  await mutate(team.owner, 'updatePlan', { plan: 'TEAM' });
  for (const [at, person] of persons.entries())
    expect((await accept(person, made[at]?.secret ?? '')).errors).toEqual([]);
});

test('the rate limit counts each guessed secret, also several in one document', async () => {
  const server = await startApi({ config: { rateLimits: rateLimitPoints({ attemptsPerNetwork: 3 }) } });
  const guesses = Array.from(
    { length: 5 },
    (_, at) => `g${at}: invitationOffer(secret: "${newSecret('ambit_inv_')}") { email }`,
  );
  const { data, errors } = await server.as().query(`{ ${guesses.join(' ')} }`);
  expect(Object.values(data)).toEqual(Array(5).fill(null));
  expect(errors).toHaveLength(2);
  expect(new Set(errors?.map(({ extensions }) => extensions.code))).toEqual(new Set(['RATE_LIMITED']));
  const declined = await server
    .as()
    .query(
      `mutation { a: declineInvitation(input: { secret: "x" }) { errors { code } } b: declineInvitation(input: { secret: "${newSecret('ambit_inv_')}" }) { errors { code } } }`,
    );
  expect(declined.errors?.map(({ extensions }) => extensions.code)).toEqual(['RATE_LIMITED', 'RATE_LIMITED']);
});

test('many concurrent queries for an invitation and other fields do not exhaust the connection pool', async () => {
  const server = await startApi({ pool: 4 });
  const { owner } = await createOrganization(server, 'crowded');
  const document = `{ checks { totalCount } invitationOffer(secret: "${newSecret('ambit_inv_')}") { email } }`;
  const answers = await Promise.all(Array.from({ length: 40 }, () => owner.query(document)));
  // A request that hangs waits for a connection while it uses another one.
  expect(answers.map(({ data }) => data)).toEqual(Array(40).fill({ checks: { totalCount: 0 }, invitationOffer: null }));
});
