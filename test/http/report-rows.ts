import { newId } from '../../src/lib/ids.ts';
import type { Api } from '../support/api.ts';

interface Numbers {
  services: number;
  teams: number;
}

const times = <Item>(count: number, item: (at: number) => Item): Item[] =>
  Array.from({ length: count }, (_, at) => item(at));

/** Adds services with levels and results to an organization, by SQL. Each fails at most three of five checks. */
export async function fillOrganization({ root }: Api, slug: string, { services, teams }: Numbers): Promise<void> {
  const [organization] = await root`select id from organizations where slug = ${slug}`;
  const organization_id = organization?.['id'] as string;
  const levels = await root`select id from levels where organization_id = ${organization_id} order by index`;
  const categories = await root`select id from categories where organization_id = ${organization_id} order by name`;
  const pick = (rows: readonly Record<string, unknown>[], at: number): string =>
    rows[at % rows.length]?.['id'] as string;
  const insert = async (table: string, rows: Record<string, unknown>[]): Promise<Record<string, unknown>[]> => {
    const made = rows.map((row) => ({ organization_id, id: newId(), ...row }));
    const columns = Object.keys(made[0] ?? {}).join(', ');
    await root.unsafe(
      `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
      [JSON.stringify(made)],
    );
    return made;
  };
  const owners = await insert(
    'teams',
    times(teams, (at) => ({ name: `Team ${at}` })),
  );
  const checks = await insert(
    'checks',
    times(5, (at) => ({
      ...{ name: `Check ${at}`, type: 'MANUAL', settings: {}, enabled: true, pass_pending: false },
      ...{ category_id: pick(categories, at), level_id: pick(levels, at) },
    })),
  );
  const made = await insert(
    'services',
    times(services, (at) => ({ name: `Service ${at}`, owner_id: pick(owners, at), level_id: pick(levels, at) })),
  );
  await insert(
    'check_results',
    made.flatMap(({ id: service_id }, at) =>
      checks.map(({ id: check_id }, n) => ({
        ...{
          service_id,
          check_id,
          status: (at + n) % 5 < 3 ? 'PASSED' : 'FAILED',
          created_at: new Date().toISOString(),
        },
      })),
    ),
  );
}

const DAY = 86_400_000;

/** Adds numbers of the 89 days before today, in which more and more services reached higher levels. */
export async function fillHistory({ root }: Api, slug: string): Promise<void> {
  const [organization] = await root`select id from organizations where slug = ${slug}`;
  const organization_id = organization?.['id'] as string;
  const levels = await root`select l.id, (select count(*)::int from services s
      where s.organization_id = l.organization_id and s.level_id = l.id) as services
    from levels l where organization_id = ${organization_id} order by index desc`;
  const total = levels.reduce((sum, { services }) => sum + (services as number), 0);
  for (let days = 1; days < 90; days += 1) {
    const higher = levels
      .slice(0, -1)
      .map(({ id, services }) => [id, Math.round(services * (1 - days / 120))] as const);
    const rest = total - higher.reduce((sum, [, services]) => sum + services, 0);
    const services = Object.fromEntries([...higher, [levels.at(-1)?.['id'], rest]]);
    const day = new Date(Date.now() - days * DAY).toISOString().slice(0, 10);
    await root`insert into maturity_history (organization_id, day, category_id, services)
      values (${organization_id}, ${day}, ${organization_id}, ${root.json(services)}) on conflict do nothing`;
  }
}
