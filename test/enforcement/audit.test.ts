import { getNamedType, isInputObjectType } from 'graphql';
import { expect, test } from 'vitest';
import type { Permission } from '../../src/access/catalog.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { decodeId } from '../../src/lib/ids.ts';
import { buildSchema } from '../../src/schema.ts';
import { type ApiResponse, type Caller, type Json, startApi } from '../support/api.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import { createFixtures, rejectedInputs, validCase } from '../support/fixtures.ts';
import { targetOf, targetPath, toInput, valueAt } from '../support/introspect.ts';
import type { Case } from '../support/resource.ts';
import { sample } from '../support/sample.ts';
import { createApiToken, createOrganization, membersOfEachRole } from '../support/world.ts';
import { dumpRows, operationOf, organizationUuid, rootFields, ruleOf, unknownId, uuidOf } from './support.ts';

/** Every mutation of the schema leaves exactly one event, whatever its result. */
const schema = buildSchema();
const mutations = rootFields(schema, 'Mutation');
const api = await startApi({ schema });
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const { owner } = people;
const fixtures = createFixtures(api, acme);
const names = mutations.map((field) => field.name);
/** Mutations whose name does not contain the type of their target. */
const TARGETS: Record<string, string> = {
  ...{ recordDeploy: 'service.id', setServiceProperty: 'service.id' },
  ...{ copyChecksToCampaign: 'campaignId', removeChecksFromCampaign: 'campaignId' },
  acceptServiceSuggestion: 'service.id',
};
/** The ID of the target in an input. */
const idIn = (name: string, input: Json): string | undefined => {
  const path = TARGETS[name] ?? targetPath(name);
  return path ? valueAt(input, path) : input?.memberId;
};
/** A mutation with an input that succeeds. */
const goodCase = (name: string): Promise<Case> => validCase(fixtures, name);
const WRONG = await rejectedInputs(fixtures);
/** Some of the mutations, others for each reason to refuse them. All of them in a long run. */
const some = (all: string[], reason: string): string[] => sample(all, 15, reason);

const fieldOf = (name: string) => mutations.find((field) => field.name === name) as (typeof mutations)[number];
const idOfCredential = async (caller: Caller): Promise<string> =>
  (await caller.query('{ viewer { credential { id } } }')).data.viewer.credential.id;

/** The events that the mutation added, of all organizations. */
async function recorded(caller: Caller, name: string, input: Json): Promise<{ answer: ApiResponse; events: Json[] }> {
  const before = (await api.root`select id from audit_events`).map((row) => row['id'] as string);
  const answer = await caller.query(...operationOf('Mutation', fieldOf(name), { input }));
  const events = await api.root`select * from audit_events where id <> all (${before})`;
  return { answer, events: events.map((row) => ({ ...row })) };
}

/** The main permission of mutations whose permission depends on the input. */
const BY_INPUT: Record<string, string> = {
  createInvitations: 'invitation:create',
  resendInvitation: 'invitation:update',
  deleteInvitation: 'invitation:delete',
};

/** The fields of every event. The actor defaults to the Owner of acme. */
const common = (name: string, answer: ApiResponse, { caller, home }: Partial<Case> = {}) => ({
  id: expect.any(String),
  created_at: expect.any(Date),
  organization_id: organizationUuid(home ?? acme),
  action: name,
  permission: ruleOf(fieldOf(name))?.permission ?? BY_INPUT[name] ?? null,
  dry_run: false,
  actor_kind: (caller ?? owner).memberId ? 'MEMBER' : 'USER',
  principal_id: (caller ?? owner).memberId ? uuidOf('mem', (caller ?? owner).memberId) : null,
  actor: (caller ?? owner).email,
  actor_name: expect.any(String),
  user_id: uuidOf('usr', (caller ?? owner).userId),
  role: 'Owner',
  request_id: answer.headers.get('x-request-id'),
  address: '127.0.0.1',
  project_ids: expect.toBeOneOf([null, expect.any(Array)]),
  before: null,
  after: null,
  related: null,
  input: expect.any(Object),
});

/** The objects that an event says the mutation changed. */
const changesIn = ({ target_id, before, after, related }: Json): Json[] => [
  ...(before || after ? [{ targetId: target_id, before, after }] : []),
  ...(related ?? []),
];

/** Expects the fields of each object as an object with its ID, and every role with its name. */
function expectOneShape(event: Json): void {
  for (const { targetId, before, after } of changesIn(event))
    for (const state of [before, after]) if (state) expect(state).toMatchObject({ id: targetId });
  const visit = (value: Json, key: string): void => {
    expect(key).not.toMatch(/(^|[a-z])[rR]oleIds?$/);
    if (/^(role|fallbackRole)$/.test(key) && value)
      expect(value).toEqual({ id: expect.stringMatching(/^rol_/), name: expect.stringMatching(/./) });
    if (typeof value === 'object' && value) for (const [name, own] of Object.entries(value)) visit(own, name);
  };
  for (const change of changesIn(event)) visit(change, '');
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;
const SECRET = /"(hash|password\w*|secret)"|eyJ|ambit_|argon2/;
/** Hashes of secrets must not be in the log either. */
const storedSecrets = async (): Promise<string[]> =>
  (
    await api.root`
      select hash as text from api_tokens union select hash from refresh_tokens union select hash from passwords
      union select hash from invitations`
  ).map((row) => row['text'] as string);
/** The events of these have the actor after the mutation, or the created organization. */
const BECOMES = ['signIn', 'refreshSession', 'createOrganization'];

test.each(names)(
  '%s leaves one event with actor, before and after, with public IDs and without secrets',
  async (name) => {
    const known = await goodCase(name);
    const { caller = owner, input, event: particular } = known;
    const credential = await idOfCredential(caller);
    const { answer, events } = await recorded(caller, name, input);
    expect(answer).toMatchObject({ errors: undefined, data: { [name]: { errors: [] } } });

    const [event] = events;
    const who = { credential_kind: 'SESSION', credential_id: decodeId(credential)?.uuid };
    const elsewhere = {
      organization_id: expect.any(String),
      credential_id: expect.any(String),
      user_id: expect.any(String),
      actor: expect.any(String),
      actor_kind: expect.any(String),
      principal_id: expect.toBeOneOf([null, expect.any(String)]),
    };
    const what = {
      outcome: 'ALLOWED',
      reason: null,
      target_id: expect.any(String),
      before: event?.before,
      after: event?.after,
      related: event?.related,
      input: null,
    };
    const usual = { ...common(name, answer, known), ...who };
    expect(events).toEqual([{ ...usual, ...(BECOMES.includes(name) && elsewhere), ...what, ...particular }]);

    expect(decodeId(event.target_id)).not.toBeNull();
    if (idIn(name, input)) expect(event.target_id).toBe(idIn(name, input));
    expectOneShape(event);
    const printed = JSON.stringify([event.target_id, changesIn(event)]);
    expect(printed).not.toMatch(UUID);
    expect(printed).not.toMatch(SECRET);
    expect((await storedSecrets()).filter((secret) => printed.includes(secret))).toEqual([]);

    const { before, after, target_id: id } = event;
    const { name: newName } = input as { name?: string };
    const named = { id, ...(newName && { name: newName }) };
    if (/^create/.test(name)) expect([before, after]).toEqual([null, expect.objectContaining(named)]);
    if (/^delete/.test(name)) expect([before, after]).toEqual([expect.objectContaining({ id }), null]);
    if (/^update/.test(name)) {
      expect([before, after]).toEqual([expect.objectContaining({ id }), expect.objectContaining({ id })]);
      expect(after).not.toEqual(before);
      if (newName) expect(after.name).toBe(newName);
    }
  },
);

const dryRuns = mutations.filter((field) => {
  const input = getNamedType(field.args[0]?.type);
  return isInputObjectType(input) && Object.hasOwn(input.getFields(), 'dryRun');
});

test('the schema has mutations with dryRun', () => {
  expect(dryRuns.length).toBeGreaterThan(10);
});

test.each(
  some(
    dryRuns.map((field) => field.name),
    'dry run',
  ),
)('%s as a dry run changes nothing and leaves an event only if it is refused', async (name) => {
  const { caller = owner, input } = await goodCase(name);
  const token = await createApiToken(api, caller, 'READ');
  // A dry run also counts attempts with the secret of an invitation.
  const rows = async () => ({ ...(await dumpRows(api)), rate_limits: null });
  const before = await rows();
  const dry = { ...input, dryRun: true };
  const { answer, events } = await recorded(caller, name, dry);
  expect(answer).toMatchObject({ errors: undefined, data: { [name]: { errors: [] } } });
  expect(events).toEqual([]);
  expect(await rows()).toEqual(before);
  const refused = await recorded(token, name, dry);
  const why = { outcome: 'REFUSED', reason: 'READ_ONLY_TOKEN', dry_run: true, input: { dryRun: true } };
  expect(refused.events).toMatchObject([{ action: name, ...why }]);
});

test('an anonymous caller who declines an invitation leaves one event without an actor', async () => {
  const { input } = await goodCase('declineInvitation');
  const { answer, events } = await recorded(api.as(), 'declineInvitation', input);
  const nobody = {
    ...{ actor: 'anonymous', actor_kind: 'ANONYMOUS', actor_name: null, principal_id: null, user_id: null, role: null },
    ...{ credential_kind: 'NONE', credential_id: null, input: null },
  };
  const target_id = expect.stringMatching(/^inv_/);
  const what = { outcome: 'ALLOWED', reason: null, target_id, before: expect.objectContaining({ id: target_id }) };
  expect(events).toEqual([{ ...common('declineInvitation', answer), ...nobody, ...what }]);
});

test.each(Object.entries(WRONG).filter(([, wrong]) => wrong))(
  '%s with a rejected input leaves one event with the codes',
  async (name, wrong) => {
    const [input, reason, target = idIn(name, wrong?.[0]) ?? null] = wrong as [Json, string, string?];
    const { answer, events } = await recorded(owner, name, input);
    expect(answer.data[name].errors.map((error: Json) => error.code)).toContain(reason.split(' ')[0]);
    const who = { credential_kind: 'SESSION', credential_id: decodeId(await idOfCredential(owner))?.uuid };
    expect(events).toEqual([{ ...common(name, answer), ...who, outcome: 'REJECTED', reason, target_id: target }]);
  },
);

test.each(some(names, 'READ token'))(
  '%s with a READ token is refused and leaves one event, which names the token',
  async (name) => {
    const known = await goodCase(name);
    const { caller = owner, input } = known;
    const token = await createApiToken(api, caller, 'READ');
    const { answer, events } = await recorded(token, name, input);
    expect(answer.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', reason: 'READ_ONLY_TOKEN' } }]);
    const who = { credential_kind: 'API_TOKEN', credential_id: uuidOf('tok', token.id) };
    const target_id = name === 'signIn' ? expect.stringMatching(/^mem_/) : (idIn(name, input) ?? null);
    const what = { outcome: 'REFUSED', reason: 'READ_ONLY_TOKEN', target_id };
    const { role } = await caller
      .query('{ viewer { role { name } } }')
      .then(({ data }) => ({ role: data.viewer.role.name }));
    expect(events).toEqual([{ ...common(name, answer, known), ...who, role, ...what }]);
  },
);

const guarded = mutations.filter((field) => {
  const rule = ruleOf(field);
  return rule?.permission && !rule.own && !roleByKey('read').allow.has(rule.permission as Permission);
});

test.each(
  some(
    guarded.map((field) => field.name),
    'Read member',
  ),
)('%s by a Read member is refused and leaves one event, which names the permission', async (name) => {
  const { input } = await goodCase(name);
  const { answer, events } = await recorded(people.read, name, input);
  const permission = ruleOf(fieldOf(name))?.permission;
  expect(answer.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', permission, reason: 'NO_GRANT' } }]);
  const { email: actor, userId } = people.read;
  const principal_id = uuidOf('mem', people.read.memberId);
  const who = { actor, user_id: uuidOf('usr', userId), principal_id, role: 'Read', credential_kind: 'SESSION' };
  const credential_id = decodeId(await idOfCredential(people.read))?.uuid;
  const what = { outcome: 'REFUSED', reason: 'NO_GRANT', target_id: idIn(name, input) ?? null };
  expect(events).toEqual([{ ...common(name, answer), ...who, credential_id, ...what }]);
});

const takesId = mutations.filter((field) => targetOf(field.name));
// Postgres could store neither NUL nor, in an index, a long text that does not compress.
const UNSTORABLE = [
  '\u0000',
  Array.from({ length: 9000 }, (_, at) => String.fromCodePoint(0x4e00 + ((at * 7919) % 20_000))).join(''),
];

test.each(
  some(
    takesId.map((field) => field.name),
    'unknown id',
  ),
)('%s of an unknown object leaves one event, whatever ID was given', async (name) => {
  const { input } = await goodCase(name);
  const unknown = unknownId(decodeId(idIn(name, input) ?? '')?.prefix ?? 'chk');
  for (const id of [unknown, 'made-up', ...UNSTORABLE]) {
    const { answer, events } = await recorded(owner, name, { ...input, ...toInput(name, { id }) });
    expect(answer.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    expect(events).toMatchObject([{ outcome: 'REFUSED', reason: 'NOT_FOUND', target_id: id === unknown ? id : null }]);
  }
});

test.each(
  some(
    names.filter((name) => ruleOf(fieldOf(name))),
    'anonymous caller',
  ),
)('%s of an anonymous caller leaves no event, because it belongs to no organization', async (name) => {
  const { input } = await goodCase(name);
  const { answer, events } = await recorded(api.as(), name, input);
  expect(answer.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
  expect(events).toEqual([]);
});

test('after all mutations, directories and copies agree with the rows that they were written for', async () => {
  expect(await differencesOfDirectories(api.root)).toEqual([]);
});
