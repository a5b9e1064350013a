import { sql } from 'drizzle-orm';
import { db, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { readerOf } from '../../db/reader.ts';
import { principals } from '../principal/table.ts';
import type { UserRow } from './table.ts';
import { users } from './table.ts';

/** The caller and the users of the current organization. Row-level security hides other users. */
export const findUser = loaderOf<UserRow>(async (ctx, ids) =>
  reader.read(await db(ctx), sql`where ${isAnyOf(users.id, ids)}`),
);

/** Without the password hash, which the runtime role cannot read. */
const columns = { id: users.id, email: users.email, name: users.name, createdAt: users.createdAt };
const reader = readerOf<UserRow>(users, columns);

const readOfMembers = readerOf<UserRow & { principalId: string }>(
  users,
  { ...columns, principalId: principals.id },
  sql`${principals} join ${users} on ${users.id} = ${principals.userId}`,
).readBy(principals.organizationId, principals.id);

/** The user of a member, by the id of the member. So it can be loaded in parallel with the member. */
export const findUserOfMember = loaderOf<{ id: string; user: UserRow }>(async (ctx, ids) => {
  const rows = await readOfMembers(await db(ctx), tenant(ctx), ids);
  return rows.map(({ principalId, ...user }) => ({ id: principalId, user }));
});
