import { sql } from 'drizzle-orm';
import { boolean, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';

/** The users of the whole instance. The runtime role can write `password_hash` but not read it. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    email: text('email').notNull(),
    name: text('name').notNull(),
    passwordHash: text('password_hash').notNull(),
    /** Whether the account may create organizations on a server with SIGN_UP=invited. */
    mayCreateOrganizations: boolean('may_create_organizations').notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex('users_email').on(sql`lower(${t.email})`)],
);

/** A user without the password hash, which the runtime role cannot read. */
export interface UserRow {
  id: string;
  email: string;
  name: string;
  createdAt: Date;
}

explainViolation(
  'users_email',
  userError('TAKEN', 'email', 'An account with this e-mail address already exists. Sign in instead.'),
);
