import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { audit, type Context, db, tenant } from '../../context.ts';
import { notFound } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { email, parse } from '../../lib/input.ts';
import type { Plan } from '../../lib/plans.ts';
import { lockOrganization } from '../organization/service.ts';
import { organizations } from '../organization/table.ts';
import { requireStill } from '../principal/access.ts';

/** The organization as billing sees it. */
export interface Billing {
  plan: Plan;
  contactEmail: string | null;
  organizationCreatedAt: Date;
}

const columns = {
  plan: organizations.plan,
  contactEmail: organizations.billingEmail,
  organizationCreatedAt: organizations.createdAt,
};

export async function getBilling(ctx: Context): Promise<Billing> {
  const [row] = await (await db(ctx))
    .select(columns)
    .from(organizations)
    .where(eq(organizations.id, tenant(ctx)));
  if (!row) throw notFound('Organization');
  return row;
}

const Contact = z.object({ email: email.nullish() });

/** Sets the address for questions about billing. Null clears it, and undefined leaves it unchanged. */
export async function updateBillingContact(ctx: Context, input: unknown): Promise<Billing> {
  const given = parse(Contact, input);
  const before = await lockOrganization(ctx);
  await requireStill(ctx, 'billing:update');
  const contactEmail = given.email === undefined ? before.billingEmail : given.email;
  if (contactEmail !== before.billingEmail)
    await (await db(ctx))
      .update(organizations)
      .set({ billingEmail: contactEmail })
      .where(eq(organizations.id, tenant(ctx)));
  const id = toPublicId('org', tenant(ctx));
  audit(ctx, {
    targetId: id,
    before: { id, billingEmail: before.billingEmail },
    after: { id, billingEmail: contactEmail },
  });
  return { plan: before.plan, contactEmail, organizationCreatedAt: before.createdAt };
}
