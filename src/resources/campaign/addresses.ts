import { sql } from 'drizzle-orm';
import type { Config } from '../../config.ts';
import { arrayParam } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import type { Scope } from '../evaluation/scope.ts';
import { people } from '../user/table.ts';

/**
 * The addresses to which mail of an organization may go, in lower case. Everybody who may edit a team can give it any
 * address, so that mail could otherwise go to strangers.
 */
export async function allowedAddresses(
  { db, organizationId }: Pick<Scope, 'db' | 'organizationId'>,
  { contactMailDomains }: Pick<Config, 'contactMailDomains'>,
  contacts: readonly { readonly address: string }[],
): Promise<ReadonlySet<string>> {
  const addresses = [...new Set(contacts.map(({ address }) => address.toLowerCase()))];
  if (addresses.length === 0) return new Set();
  const members = await queryRows<{ email: string }>(
    db,
    sql`select lower(${people.email}) as email from ${people}
      where ${people.organizationId} = ${organizationId} and lower(${people.email}) = any(${arrayParam(addresses)}::text[])`,
  );
  const domains = new Set(contactMailDomains);
  const ofDomains = addresses.filter((address) => domains.has(address.slice(address.lastIndexOf('@') + 1)));
  return new Set([...members.map(({ email }) => email), ...ofDomains]);
}
