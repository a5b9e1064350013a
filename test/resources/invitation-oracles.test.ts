import { beforeAll, expect, test } from 'vitest';
import { createProject, giveProjectRole, projectRoleId } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { addMember, createOrganization, mutate, type Person, queryData, roleId, signIn } from '../support/world.ts';

/** What the Manager of one project can find out or destroy with invitations. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const apollo = await createProject(owner, 'apollo');
const gemini = await createProject(owner, 'gemini');
let manager: Person;
let reader: Person;

beforeAll(async () => {
  manager = await addMember(api, acme, 'guest', 'manager');
  reader = await addMember(api, acme, 'read', 'reader');
  await giveProjectRole(owner, apollo, manager.memberId, projectRoleId('manager'));
});

let count = 0;
const someone = (): string => `someone${++count}@elsewhere.test`;
const inApollo = { projectId: apollo, roleId: projectRoleId('member') };
const inGemini = { projectId: gemini, roleId: projectRoleId('member') };
const invite = (by: Caller, emails: string[], more: object = {}): Promise<Json> =>
  mutate(by, 'createInvitations', { emails, projectRoles: [inApollo], ...more }, 'invitations { id }');
const invited = async (by: Caller, email: string, more: object = {}): Promise<string> =>
  (await invite(by, [email], more)).invitations[0].id;

const DAY = 86_400_000;

/** Runs after all invitations so far have expired. */
async function later<T>(run: (boss: Caller, chief: Caller) => Promise<T>): Promise<T> {
  api.advance(8 * DAY);
  try {
    const [boss, chief] = [await signIn(api, owner.email, 'acme'), await signIn(api, manager.email, 'acme')];
    return await run(boss, chief);
  } finally {
    api.advance(-8 * DAY);
  }
}

test('a Manager replaces only expired invitations that they could delete', async () => {
  const email = someone();
  const own = await invited(owner, email);
  const shared = await invited(owner, someone(), { projectRoles: [inApollo, inGemini] });
  const role = await invited(owner, someone(), { roleId: roleId('write') });
  const LIST = '{ invitations(first: 500) { nodes { id email } } }';
  await later(async (boss, chief) => {
    const before = (await queryData(boss, LIST)).invitations.nodes;
    const addressOf = (id: string) => before.find((node: Json) => node.id === id).email;
    for (const id of [own, shared, role]) expect(await invite(chief, [addressOf(id)])).toMatchObject({ errors: [] });
    const ids = (await queryData(boss, LIST)).invitations.nodes.map((node: Json) => node.id);
    expect([own, shared, role].map((id) => ids.includes(id))).toEqual([false, true, true]);
  });
});

test('the event of an invitation names the expired ones that it replaced', async () => {
  const email = someone();
  const former = await invited(owner, email);
  const EVENT =
    '{ auditEvents(first: 1, filter: { action: ["createInvitations"] }) { nodes { targetId related { targetId before after } } } }';
  await later(async (boss) => {
    const next = await invited(boss, email);
    const [event] = (await queryData(boss, EVENT)).auditEvents.nodes;
    expect(event).toEqual({
      targetId: next,
      related: [{ targetId: former, before: expect.objectContaining({ id: former, email }), after: null }],
    });
  });
});

test('the seats that are left do not tell a Manager whether an address belongs to a member or has an invitation', async () => {
  await mutate(owner, 'updatePlan', { plan: 'TEAM' });
  const hidden = someone();
  await invited(owner, hidden, { projectRoles: [inGemini] });
  const free = async (): Promise<number> => 100 - (await queryData(owner, '{ usage { seats } }')).usage.seats;
  const answers: Json[] = [];
  for (const email of [someone(), reader.email, hidden]) {
    await api.root`delete from invitations where email like 'filler%'`;
    const left = await free();
    const fillers = Array.from({ length: left - 1 }, (_, at) => `filler${at}@elsewhere.test`);
    for (let at = 0; at < fillers.length; at += 50) await invite(manager, fillers.slice(at, at + 50));
    const id = (await invite(manager, [email])).invitations?.[0].id;
    answers.push([id !== undefined, (await invite(manager, ['filler@last.test'])).refused]);
    if (id) await mutate(manager, 'deleteInvitation', { id });
  }
  for (const answer of answers) expect(answer).toEqual(answers[0]);
});
