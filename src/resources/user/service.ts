import { db } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
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
  (await db(ctx))
    .select({ id: users.id, email: users.email, name: users.name, createdAt: users.createdAt })
    .from(users)
    .where(isAnyOf(users.id, ids)),
);
