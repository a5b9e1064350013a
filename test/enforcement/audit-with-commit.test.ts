import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { audit, type Context, db } from '../../src/context.ts';
import { rowsOf } from '../../src/data/rows.ts';
import { builder } from '../../src/graphql/builder.ts';
import { mutation } from '../../src/graphql/mutation.ts';
import { categories } from '../../src/resources/category/table.ts';
import { buildSchema } from '../../src/schema.ts';
import { startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';

/** The event and the commit are sent together. An error in either rolls the change back and is reported. */
const Nothing = builder.objectRef<object>('Nothing').implement({
  description: 'For this test.',
  public: true,
  fields: (t) => ({ nothing: t.boolean({ nullable: true, description: 'Null.', resolve: () => null }) }),
});

const naming = (name: string, work: (ctx: Context) => Promise<unknown>): void =>
  void mutation(name, {
    public: true,
    description: 'For this test.',
    input: (t) => ({ name: t.string({ required: true, description: 'Of the category.' }) }),
    results: { nothing: { type: Nothing, description: 'Nothing.' } },
    resolve: async (given, ctx) => {
      await rowsOf(categories, 'cat').insert(ctx, given);
      await work(ctx);
      return { nothing: {} };
    },
  });

const circle: Record<string, unknown> = {};
circle['self'] = circle;
const WRONG: Record<string, Parameters<typeof audit>[1]> = {
  afterNul: { after: { text: '\u0000' } },
  afterFunction: { after: () => 1 },
  afterSymbol: { before: Symbol('x') },
  afterCircle: { after: circle },
  afterBigint: { after: 1n },
  targetNul: { targetId: '\u0000' },
  targetObject: { targetId: {} as string },
};
for (const [name, draft] of Object.entries(WRONG)) naming(name, async (ctx) => audit(ctx, draft));
naming('failsAtCommit', async (ctx) => (await db(ctx)).execute(sql`select public.fail_at_commit()`));

const api = await startApi({ schema: buildSchema(), pool: 3 });
const acme = await createOrganization(api, 'acme');
await api.root.unsafe(`
  create table public.later (id int primary key deferrable initially deferred);
  create function public.fail_at_commit() returns void language sql security definer as
    'insert into public.later values (1), (1)';
  grant execute on function public.fail_at_commit() to public`);

test.each([...Object.keys(WRONG), 'failsAtCommit'])(
  '%s: the change is rolled back, and the response has the error',
  async (name) => {
    // Twice, because the driver prepares the statement on the first call.
    for (let time = 0; time < 2; time += 1) {
      const answer = await acme.owner.query(`mutation { ${name}(input: { name: "${name}" }) { errors { code } } }`);
      expect(answer.errors).toHaveLength(1);
      expect(answer.data).toEqual({ [name]: null });
      expect(await api.root`select from categories where name = ${name}`).toHaveLength(0);
    }
    const events = await api.root`select outcome from audit_events where action = ${name}`;
    expect(events.filter(({ outcome }) => outcome === 'ALLOWED')).toEqual([]);
  },
);
