import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { readConfig } from '../config.ts';
import { drizzleOn } from '../db/client.ts';
import type { Pool } from '../db/pool.ts';
import { inTransaction } from '../db/transaction.ts';
import { newWork } from '../db/work.ts';
import { findUserByEmailAcrossTenants } from '../identity/across-tenants.ts';
import { hashPassword } from '../identity/password.ts';
import { deleteSetupSecrets } from '../identity/setup-secret.ts';
import { newId } from '../lib/ids.ts';
import { email, parse, singleLine } from '../lib/input.ts';
import { errorLines } from '../lib/log.ts';
import { newPassword } from '../resources/session/sign-up.ts';
import { passwords, users } from '../resources/user/table.ts';
import { withDatabase } from './command.ts';

const Person = z.object({ email, name: singleLine(100) });
const Password = z.object({ password: newPassword });

/**
 * Creates an account that may create organizations, also if the server accepts only invited people. An existing account
 * keeps its password and gets this right. Also works before the first start of the server.
 */
async function createOwner([address = '', name = address.split('@', 1)[0]]: string[]): Promise<string> {
  const person = parse(Person, { email: address, name });
  return await withDatabase(readConfig(process.env), (pool) => allow(pool, person));
}

async function allow(pool: Pool, person: z.output<typeof Person>): Promise<string> {
  const existing = await findUserByEmailAcrossTenants(drizzleOn(pool.sql), person.email);
  const id = existing?.id ?? newId();
  const passwordHash = existing
    ? null
    : await hashPassword(parse(Password, { password: await readPassword() }).password);
  await inTransaction(
    pool,
    { organizationId: null, userId: id },
    async (db) => {
      const right = { mayCreateOrganizations: true };
      if (passwordHash === null) await db.update(users).set(right).where(eq(users.id, id));
      else {
        await db.insert(users).values({ id, ...person, ...right });
        await db.insert(passwords).values({ userId: id, hash: passwordHash });
      }
      await deleteSetupSecrets(db);
    },
    'read write',
    newWork(),
  );
  return `The account ${person.email} ${existing ? 'exists and' : 'was created. It'} may create organizations.`;
}

/** The first line of stdin. A terminal does not show what is typed. */
async function readPassword(): Promise<string> {
  const isTerminal = process.stdin.isTTY === true;
  if (isTerminal) process.stderr.write('Password of the new account: ');
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output, terminal: isTerminal });
  lines.once('SIGINT', () => process.exit(130));
  try {
    for await (const line of lines) return line;
    throw new Error('the password of the new account is read from stdin, which is empty');
  } finally {
    lines.close();
    if (isTerminal) process.stderr.write('\n');
  }
}

createOwner(process.argv.slice(3)).then(
  (message) => process.stdout.write(`${message}\n`),
  (error: unknown) => {
    process.stderr.write(errorLines(error));
    process.exitCode = 1;
  },
);
