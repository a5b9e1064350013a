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
