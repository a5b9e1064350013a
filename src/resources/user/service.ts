import { sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { readerOf } from '../../db/reader.ts';
import type { MaybePromise } from '../../lib/maybe-promise.ts';
import { principals } from '../principal/table.ts';
import { people, type UserRow } from './table.ts';

/** A user of the current organization. Without an organization, the caller. */
export const findUser = (ctx: Context, id: string): MaybePromise<UserRow | null> => {
  const { actor, binding } = ctx.unit;
  if (binding.organizationId) return findPerson(ctx, id);
  return id === actor.user?.id ? actor.user : null;
};

const columns = { id: people.id, email: people.email, name: people.name, createdAt: people.createdAt };
const findPerson = loaderOf<UserRow>(async (ctx, ids) =>
  readPeople(await db(ctx), sql`where ${people.organizationId} = ${tenant(ctx)} and ${isAnyOf(people.id, ids)}`),
);
const readPeople = readerOf<UserRow>(people, columns).read;

const readOfMembers = readerOf<UserRow & { principalId: string }>(
  people,
  { ...columns, principalId: principals.id },
  sql`${principals} join ${people} on ${people.organizationId} = ${principals.organizationId} and ${people.id} = ${principals.userId}`,
).readBy(principals.organizationId, principals.id);

/** The user of a member, by the id of the member. So it can be loaded in parallel with the member. */
export const findUserOfMember = loaderOf<{ id: string; user: UserRow }>(async (ctx, ids) => {
  const rows = await readOfMembers(await db(ctx), tenant(ctx), ids);
  return rows.map(({ principalId, ...user }) => ({ id: principalId, user }));
});
