import { sql } from 'drizzle-orm';
import { db } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { readerOf } from '../../db/reader.ts';
import { loaderOf } from '../../loader.ts';
import { users } from './table.ts';

export interface UserRow {
  id: string;
  email: string;
  name: string;
  createdAt: Date;
}

/** Oneself and who shares the bound organization; row-level security hides the others. */
export const findUser = loaderOf<UserRow>(async (ctx, ids) =>
  reader.read(await db(ctx), sql`where ${isAnyOf(users.id, ids)}`),
);

/** Never the password: the runtime role may not read it. */
const reader = readerOf<UserRow>(users, {
  id: users.id,
  email: users.email,
  name: users.name,
  createdAt: users.createdAt,
});
