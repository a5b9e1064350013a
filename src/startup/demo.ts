import postgres from 'postgres';
import { BUILT_IN_ROLES, type BuiltInRole } from '../access/catalog.ts';
import { roleByKey } from '../access/roles.ts';
import { type Db, DRIVER_TYPES, drizzleOn } from '../db/client.ts';
import type { DemoAccounts } from '../http/playground/page.ts';
import { findUserByEmailAcrossTenants } from '../identity/across-tenants.ts';
import { hashPassword, verifyPassword } from '../identity/password.ts';
import { newId } from '../lib/ids.ts';
import { capitalized } from '../lib/words.ts';
import { planPeriods } from '../resources/billing/table.ts';
import { organizationSlugs, organizations } from '../resources/organization/table.ts';
import { memberships, principals } from '../resources/principal/table.ts';
import { projects } from '../resources/project/table.ts';
import { assignments } from '../resources/role/table.ts';
import { insertDefaultRubric } from '../resources/rubric/service.ts';
import { passwords, people, users } from '../resources/user/table.ts';
import { fillDemoOrganization } from './demo-acme.ts';

export const DEMO_PASSWORD = 'ambit-demo';

/** The accounts of the demo. */
export const DEMO_ACCOUNTS: readonly { organization: string; email: string; role: BuiltInRole }[] = [
  ...[...BUILT_IN_ROLES].reverse().map((role) => ({ organization: 'acme', email: `${role}@acme.test`, role })),
  { organization: 'globex', email: 'admin@globex.test', role: 'owner' },
];

/** The demo accounts as the playground offers them. */
export const demoSignIns = (): DemoAccounts => ({
  password: DEMO_PASSWORD,
  accounts: DEMO_ACCOUNTS.map(({ email, role, organization }) => ({
    email,
    label: `${capitalized(role)} of ${organization}`,
  })),
});

/**
 * Creates two demo organizations. Runs as the superuser of the embedded server in one transaction. Does nothing if the
 * database already has a user. Returns the secret of the URL for events of the first one. Null if nothing was created.
 */
export async function createDemo(url: string): Promise<string | null> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined, types: DRIVER_TYPES });
  try {
    const [row] = await sql`select exists (select from users) as used`;
    if (row?.['used']) return null;
    const passwordHash = await hashPassword(DEMO_PASSWORD);
    return await sql.begin(async (tx) => {
      const db = drizzleOn(tx as never);
      const acme = await createDemoOrganization(db, 'acme', passwordHash);
      await createDemoOrganization(db, 'globex', passwordHash);
      return await fillDemoOrganization(db, acme.organizationId, acme.memberIds, new Date());
    });
  } finally {
    await sql.end();
  }
}

/** Throws an error if the database has an account of the demo, because everybody knows its password. */
export async function refuseDemo(db: Db): Promise<void> {
  for (const { email } of DEMO_ACCOUNTS) {
    const user = await findUserByEmailAcrossTenants(db, email);
    if (user && (await verifyPassword(DEMO_PASSWORD, user.password_hash)))
      throw new Error(
        `NODE_ENV: production does not start with the demo account ${email}, whose password is public; set DATA_DIR to an empty folder, or DATABASE_URL to another database`,
      );
  }
}

/** An organization with its members by e-mail address. */
interface DemoOrganization {
  readonly organizationId: string;
  readonly memberIds: ReadonlyMap<string, string>;
}

async function createDemoOrganization(db: Db, slug: string, passwordHash: string): Promise<DemoOrganization> {
  const organizationId = newId();
  const name = capitalized(slug);
  const plan = 'ENTERPRISE';
  await db.insert(organizationSlugs).values({ slug, organizationId });
  await db.insert(organizations).values({ id: organizationId, slug, name, plan });
  await db.insert(planPeriods).values({ organizationId, plan, startedAt: new Date() });
  const memberIds = new Map<string, string>();
  for (const { email, role } of DEMO_ACCOUNTS.filter((account) => account.organization === slug)) {
    const userId = newId();
    const first = email.split('@')[0] ?? '';
    const person = `${capitalized(first)} of ${name}`;
    const id = newId();
    memberIds.set(email, id);
    await db.insert(users).values({ id: userId, email, name: person });
    await db.insert(passwords).values({ userId, hash: passwordHash });
    await db.insert(principals).values({ organizationId, id, userId });
    await db.insert(people).values({ organizationId, id: userId, email, name: person });
    await db.insert(memberships).values({ organizationId, userId, principalId: id });
    await db.insert(assignments).values({ organizationId, principalId: id, builtInRoleId: roleByKey(role).id });
  }
  await db.insert(projects).values(
    ['staging', 'production'].map((key) => ({
      organizationId,
      key,
      name: capitalized(key),
    })),
  );
  await insertDefaultRubric(db, organizationId);
  return { organizationId, memberIds };
}
