import { expect, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import type { Json } from '../support/api.ts';
import { size } from '../support/size.ts';
import { join, mutate, roleId, signUp } from '../support/world.ts';
import { startWorld } from './support.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;
/** Without the lock, 196 of 200 rounds failed, so a few are enough. */
const ROUNDS = size(20, 1000);

/** Two at once, round after round; `judge` looks at both answers and at what is left. */
async function race(
  round: (at: number) => Promise<Json>[],
  judge: (answers: Json[], at: number) => Promise<void> | void,
): Promise<void> {
  for (let at = 0; at < ROUNDS; at += 1) await judge(await Promise.all(round(at)), at);
}

const won = (answers: Json[]): number => answers.filter(({ errors }) => errors?.length === 0).length;

test(`two Owners demote each other, ${ROUNDS} times: one stays`, async () => {
  const other = await join(api, acme, 'owner', 'second-owner');
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
      expect([won(answers), left?.['owners']]).toEqual([1, 1]);
      // The loser came too late: an Admin takes nothing from an Owner.
      expect(answers.find(({ refused }) => refused)).toEqual({ refused: 'NOT_HELD' });
      await restore();
    },
  );
  await mutate(owner, 'deleteMember', { id: other.memberId });
});

test(`two create the same name, ${ROUNDS} times: one has it`, async () => {
  await race(
    (at) => ['x', 'X'].map((letter) => mutate(owner, 'createCategory', { name: `${letter} ${at}` })),
    (answers) => {
      expect(won(answers)).toBe(1);
      expect(answers).toContainEqual({ errors: [{ code: 'TAKEN', path: ['name'] }] });
    },
  );
});

/** The secret in the last mail: without SMTP, mail is in the log. */
const lastSecret = (): string =>
  /ambit_inv_[0-9a-f]+/.exec(JSON.stringify(api.logged.findLast((entry) => 'mail' in entry)))?.[0] ?? '';

test(`two accept one invitation, ${ROUNDS} times: one joins`, async () => {
  const guest = await signUp(api, 'guest@elsewhere.test');
  await race(
    () => [0, 1].map(() => mutate(guest, 'acceptInvitation', { secret: lastSecret() })),
    async (answers, at) => {
      // The first round finds no invitation yet.
      if (at > 0) {
        const left =
          await api.root`delete from principals where user_id in (select id from users where email = ${guest.email}) returning 1`;
        expect([won(answers), left.length]).toEqual([1, 1]);
        expect(answers).toContainEqual({ errors: [{ code: 'NOT_FOUND', path: ['secret'] }] });
      }
      const invited = await mutate(owner, 'createInvitations', { emails: [guest.email], roleId: roleId('read') });
      expect(invited).toEqual({ errors: [] });
    },
  );
});

test(`two take the last place for a project, ${ROUNDS} times: one gets it`, async () => {
  await api.root`update organizations set plan = 'FREE' where slug = 'acme'`;
  for (const key of ['first', 'second'])
    expect(await mutate(owner, 'createProject', { key, name: key })).toEqual({ errors: [] });
  await race(
    (at) => ['a', 'b'].map((letter) => mutate(owner, 'createProject', { key: `${letter}${at}`, name: letter })),
    async (answers) => {
      const [left] = await api.root`delete from projects where key not in ('first', 'second') returning 1`;
      expect([won(answers), left !== undefined]).toEqual([1, true]);
      expect(answers).toContainEqual({ refused: 'PLAN_REQUIRED' });
    },
  );
});

test(`two take the last seat, ${ROUNDS} times: one gets it`, async () => {
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
      expect([won(answers), left.length]).toEqual([1, 1]);
      expect(answers).toContainEqual({ refused: 'PLAN_REQUIRED' });
    },
  );
});
