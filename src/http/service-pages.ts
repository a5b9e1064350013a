import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { canOnSome } from '../access/access.ts';
import { type Context, db, endTransaction, tenant } from '../context.ts';
import type { PartRow } from '../data/parts.ts';
import { inTransaction } from '../db/transaction.ts';
import type { Resource } from '../graphql/resource-model.ts';
import { canSee, type Target, visibleIn } from '../graphql/target.ts';
import { AmbitError } from '../lib/errors.ts';
import { toPublicId } from '../lib/ids.ts';
import { recordEvent } from '../resources/audit-event/service.ts';
import { Level } from '../resources/level/resource.ts';
import { Lifecycle } from '../resources/lifecycle/resource.ts';
import { PropertyDefinition } from '../resources/property-definition/resource.ts';
import { FORMATS, type ServiceRecord } from '../resources/service/record.ts';
import { Service } from '../resources/service/resource.ts';
import type { ServiceRow } from '../resources/service/service.ts';
import { services } from '../resources/service/table.ts';
import { propertiesOf } from '../resources/service-property/service.ts';
import { Team } from '../resources/team/resource.ts';
import { Tier } from '../resources/tier/resource.ts';

/** Services that are read at once. The credential is checked again for each page. */
const EXPORT_PAGE = 250;

const Services = Service as unknown as Resource;
const part = (name: string) => {
  const found = Services.parts.find((one) => one.name === name);
  if (!found) throw new Error(`services have no ${name}`);
  return found.rows;
};
const ALIASES = part('aliases');
const TAGS = part('tags');
const LINKS = part('links');
const DEPENDENCIES = part('dependencies');
const TEAM_ALIASES = (Team as unknown as Resource).aliases?.rows;

export const mayExportServices = (ctx: Context): boolean => canOnSome(ctx.unit.access, 'service:read');

/** Checks the permission and adds the event of the export. Returns the format. */
export async function beginServiceExport(ctx: Context, query: URLSearchParams) {
  if (!mayExportServices(ctx)) {
    const refused = refusalOf(() => ctx.unit.access.require('service:read'));
    await record(ctx, 'REFUSED', refused.reason, null);
    throw refused.error;
  }
  const name = query.get('format') ?? 'csv';
  const unknown = [...query.keys()].find((key) => key !== 'format');
  if (unknown !== undefined) throw new AmbitError('BAD_REQUEST', 'The only parameter is `format`.');
  if (name !== 'csv' && name !== 'jsonl') throw new AmbitError('BAD_REQUEST', 'format: must be csv or jsonl.');
  await record(ctx, 'ALLOWED', null, { format: name });
  return { name, format: FORMATS[name] };
}

function refusalOf(step: () => void): { error: unknown; reason: string } {
  try {
    step();
  } catch (error) {
    const reason = error instanceof AmbitError ? error.extensions['reason'] : null;
    return { error, reason: typeof reason === 'string' ? reason : 'FORBIDDEN' };
  }
  throw new Error('the step was not refused');
}

async function record(ctx: Context, outcome: 'ALLOWED' | 'REFUSED', reason: string | null, input: unknown) {
  const { actor, binding } = ctx.unit;
  if (!actor.organization) return;
  const attempt = { action: 'exportServices', permission: 'service:read', outcome, reason, actor, input };
  const organizationId = actor.organization.id;
  await inTransaction(
    ctx.dependencies.pool,
    binding,
    (own) => recordEvent(own, ctx, { ...attempt, organizationId }),
    'read write',
    ctx.work,
  );
}

export interface ServicePage {
  readonly records: readonly ServiceRecord[];
  /** The ID of the last service. Null after the last page. */
  readonly next: string | null;
}

/** Reads the services after this one, in a transaction of its own. Throws if the caller may no longer read services. */
export async function readServicePage(ctx: Context, after: string | null): Promise<ServicePage> {
  if (!mayExportServices(ctx)) ctx.unit.access.require('service:read');
  try {
    const where = and(
      eq(services.organizationId, tenant(ctx)),
      visibleIn(ctx, Services),
      after === null ? undefined : gt(services.id, after),
    );
    const rows = (await Services.rows.reader.read(
      await db(ctx),
      sql`where ${where} order by ${asc(services.id)} limit ${EXPORT_PAGE}`,
    )) as unknown as ServiceRow[];
    const records = await Promise.all(rows.map((row) => recordOf(ctx, row)));
    return { records, next: rows.length === EXPORT_PAGE ? (rows.at(-1)?.id ?? null) : null };
  } finally {
    await endTransaction(ctx, 'commit');
  }
}

async function recordOf(ctx: Context, row: ServiceRow): Promise<ServiceRecord> {
  const [aliases, tags, links, dependencies] = await Promise.all(
    [ALIASES, TAGS, LINKS, DEPENDENCIES].map(async (rows) => (await rows.find(ctx, row.id)) ?? []),
  );
  const needed = (dependencies ?? []).map(({ dependsOnId }) => nameOfService(ctx, dependsOnId as string));
  return {
    id: toPublicId('svc', row.id),
    name: row.name,
    aliases: textsOf(aliases, 'alias'),
    description: row.description,
    owner: await nameOfTeam(ctx, row.ownerId),
    tier: await nameOf(ctx, Tier as never, row.tierId),
    lifecycle: await nameOf(ctx, Lifecycle as never, row.lifecycleId),
    language: row.language,
    framework: row.framework,
    tags: (tags ?? []).map(({ key, value }) => ({ key, value }) as never),
    links: (links ?? []).map(({ name, url, category }) => ({ name, url, category }) as never),
    dependencies: (await Promise.all(needed)).filter((one) => one !== null),
    properties: await propertiesIn(ctx, row.id),
    level: await nameOf(ctx, Level as never, row.levelId),
    lastDeployAt: row.lastDeployAt?.toISOString() ?? null,
    lastDeployVersion: row.lastDeployVersion,
    lastDeployDescription: row.lastDeployDescription,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

const textsOf = (rows: readonly PartRow[] | undefined, column: string): string[] =>
  (rows ?? []).map((row) => row[column] as string);

/** The alias of the object, or its ID if it has none. Null if it is not visible to the caller. */
async function nameOf(ctx: Context, target: Target<Aliased>, id: string | null): Promise<string | null> {
  const row = id === null ? null : await target.load(ctx, id);
  return row && canSee(ctx, target, row) ? (row.alias ?? toPublicId(target.prefix, row.id)) : null;
}

interface Aliased {
  id: string;
  alias?: string | null;
}

async function nameOfTeam(ctx: Context, id: string | null): Promise<string | null> {
  if (id === null || !ctx.unit.access.can('team:read')) return null;
  const [first] = textsOf((await TEAM_ALIASES?.find(ctx, id)) ?? [], 'alias');
  return first ?? toPublicId('tea', id);
}

async function nameOfService(ctx: Context, id: string): Promise<string | null> {
  const row = await Services.load(ctx, id);
  if (!row || !canSee(ctx, Services, row)) return null;
  const [first] = textsOf((await ALIASES.find(ctx, id)) ?? [], 'alias');
  return first ?? toPublicId('svc', id);
}

async function propertiesIn(ctx: Context, id: string): Promise<Record<string, unknown>> {
  const found = (await propertiesOf(ctx, id)) ?? [];
  const entries = await Promise.all(
    found.map(async ({ definitionId, value }) => [await nameOf(ctx, PropertyDefinition as never, definitionId), value]),
  );
  return Object.fromEntries(entries.filter(([name]) => name !== null));
}
