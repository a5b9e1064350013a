import { expect, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import type { Json } from '../support/api.ts';
import { size } from '../support/size.ts';
import { addMember, createOrganization, mutate, roleId } from '../support/world.ts';
import { startWorld } from './support.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;
/** Without the lock, 196 of 200 rounds failed, so a few are enough. */
const ROUNDS = size(20, 1000);

/** Sends two parallel mutations in each round. `judge` checks both responses and the rows. */
async function race(
  round: (at: number) => Promise<Json>[],
  judge: (answers: Json[], at: number) => Promise<void> | void,
): Promise<void> {
  for (let at = 0; at < ROUNDS; at += 1) await judge(await Promise.all(round(at)), at);
}

const countSuccesses = (answers: Json[]): number => answers.filter(({ errors }) => errors?.length === 0).length;

test(`when two Owners demote each other at once, one stays Owner (${ROUNDS} rounds)`, async () => {
  const other = await addMember(api, acme, 'owner', 'second-owner');
  const restore = () => api.root`update assignments set built_in_role_id = ${roleByKey('owner').id}
    where principal_id in (select id from principals where user_id in (select id from users where email in (${owner.email}, ${other.email})))`;
  await race(
    () => [
      mutate(owner, 'updateMember', { id: other.memberId, roleId: roleId('admin') }),
      mutate(other, 'updateMember', { id: owner.memberId, roleId: roleId('admin') }),
    ],
    async (answers) => {
      const [left] =
        await api.root`select count(*)::int as owners from assignments where built_in_role_id = ${roleByKey('owner').id}
        and organization_id = (select id from organizations where slug = 'acme')`;
      expect([countSuccesses(answers), left?.['owners']]).toEqual([1, 1]);
      // The second mutation is refused, because an Admin cannot change an Owner.
      expect(answers.find(({ refused }) => refused)).toEqual({ refused: 'NOT_HELD' });
      await restore();
    },
  );
  await mutate(owner, 'deleteMember', { id: other.memberId });
});

test(`when two mutations create the same name at once, one succeeds (${ROUNDS} rounds)`, async () => {
  await race(
    (at) => ['x', 'X'].map((letter) => mutate(owner, 'createCategory', { name: `${letter} ${at}` })),
    (answers) => {
      expect(countSuccesses(answers)).toBe(1);
      expect(answers).toContainEqual({ errors: [{ code: 'TAKEN', path: ['name'] }] });
    },
  );
});

/** The secret in the last mail. Without SMTP, mails are written to the log. */
const lastSecret = (): string =>
  /ambit_inv_[0-9a-f]+/.exec(JSON.stringify(api.logged.findLast((entry) => 'mail' in entry)))?.[0] ?? '';

test(`when two requests accept one invitation at once, one succeeds (${ROUNDS} rounds)`, async () => {
  // With an organization of their own, the session of the guest stays bound to it.
  const { owner: guest } = await createOrganization(api, 'elsewhere');
  await race(
    () => [0, 1].map(() => mutate(guest, 'acceptInvitation', { secret: lastSecret() })),
    async (answers, at) => {
      // There is no invitation before the first round.
      if (at > 0) {
        const left =
          await api.root`delete from principals where user_id in (select id from users where email = ${guest.email})
            and organization_id = (select id from organizations where slug = 'acme') returning organization_id, user_id`;
        for (const { organization_id, user_id } of left)
          await api.root`delete from memberships where organization_id = ${organization_id} and user_id = ${user_id}`;
        expect([countSuccesses(answers), left.length]).toEqual([1, 1]);
        expect(answers).toContainEqual({ errors: [{ code: 'NOT_FOUND', path: ['secret'] }] });
      }
      const invited = await mutate(owner, 'createInvitations', { emails: [guest.email], roleId: roleId('read') });
      expect(invited).toEqual({ errors: [] });
    },
  );
});

test(`when two mutations create the last allowed project at once, one succeeds (${ROUNDS} rounds)`, async () => {
  await api.root`update organizations set plan = 'FREE' where slug = 'acme'`;
  for (const key of ['first', 'second'])
    expect(await mutate(owner, 'createProject', { key, name: key })).toEqual({ errors: [] });
  await race(
    (at) => ['a', 'b'].map((letter) => mutate(owner, 'createProject', { key: `${letter}${at}`, name: letter })),
    async (answers) => {
      const [left] = await api.root`delete from projects where key not in ('first', 'second') returning 1`;
      expect([countSuccesses(answers), left !== undefined]).toEqual([1, true]);
      expect(answers).toContainEqual({ refused: 'PLAN_REQUIRED' });
    },
  );
});

test(`when two invitations need the last seat at once, one succeeds (${ROUNDS} rounds)`, async () => {
  await api.root`delete from invitations`;
  const { data } = await owner.query('{ usage { seats } }');
  const free = 10 - data.usage.seats;
  for (let at = 1; at < free; at += 1)
    expect(await mutate(owner, 'createInvitations', { emails: [`kept${at}@x.test`], roleId: roleId('read') })).toEqual({
      errors: [],
    });
  await race(
    (at) =>
      ['a', 'b'].map((letter) =>
        mutate(owner, 'createInvitations', { emails: [`${letter}${at}@y.test`], roleId: roleId('read') }),
      ),
    async (answers) => {
      const left = await api.root`delete from invitations where email like '%@y.test' returning 1`;
      expect([countSuccesses(answers), left.length]).toEqual([1, 1]);
      expect(answers).toContainEqual({ refused: 'PLAN_REQUIRED' });
    },
  );
});
