import type { Sql } from 'postgres';
import { newId } from '../../src/lib/ids.ts';
import type { Settings } from '../../src/resources/check/settings.ts';
import type { CheckType } from '../../src/resources/check/table.ts';
import type { Organization } from './seed.ts';

const TEAMS = 50;
const KEYS = 20;
const FILTERS = 20;
const DEFINITIONS = 5;

/** Numbers of rows of the workload. */
export const SERVICES = 10_000;
export const CHECKS = 200;

type Row = Record<string, string | number | boolean | null>;

/** Adds a catalog to an organization that has no services: services with all that belongs to them, filters, and checks. */
export async function fillServices(sql: Sql, { id, categoryIds, levelIds }: Organization): Promise<void> {
  const insert = async (table: string, rows: Row[]): Promise<string[]> => {
    const made = rows.map((row) => ({ organization_id: id, id: newId(), ...row }));
    const columns = Object.keys(made[0] ?? {}).join(', ');
    await sql.unsafe(
      `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
      [JSON.stringify(made)],
    );
    return made.map((row) => row.id);
  };
  const pick = (list: readonly string[], at: number): string => list[at % list.length] as string;
  await sql`delete from checks where organization_id = ${id}`;
  const tiers = await insert(
    'tiers',
    times(4, (at) => ({ name: `Tier ${at}`, index: at })),
  );
  const stages = await insert(
    'lifecycles',
    times(5, (at) => ({ name: `Stage ${at}`, index: at })),
  );
  const teams = await insert(
    'teams',
    times(TEAMS, (at) => ({ name: `Team ${at}` })),
  );
  await sql`update teams set parent_id = ${teams[0] ?? ''}
    where organization_id = ${id} and id = any(${teams.slice(1, 10)}::uuid[])`;
  await insert(
    'team_contacts',
    times(TEAMS - 5, (at) => ({ team_id: pick(teams, at), type: 'EMAIL', address: 'a@b.test' })),
  );
  const definitions = await insert(
    'property_definitions',
    times(DEFINITIONS, (at) => ({ name: `Property ${at}`, schema: '{}' })),
  );
  const languages = ['Go', 'Java', 'TypeScript', 'Python', 'Rust'];
  const services = await insert(
    'services',
    times(SERVICES, (at) => ({
      name: `Service ${at}`,
      description: at % 3 === 0 ? null : `What service ${at} does`,
      owner_id: at % 11 === 0 ? null : pick(teams, at),
      tier_id: pick(tiers, at),
      lifecycle_id: pick(stages, at >> 2),
      language: pick(languages, at >> 1),
      last_deploy_at: new Date(Date.now() - (at % 90) * 86_400_000).toISOString(),
    })),
  );
  const each = (count: number, row: (at: number, n: number) => Row): Row[] =>
    services.flatMap((service_id, at) => times(count, (n) => ({ service_id, ...row(at, n) })));
  await insert(
    'service_aliases',
    each(1, (at) => ({ alias: `service-${at}` })),
  );
  await insert(
    'service_tags',
    each(5, (at, n) => ({ key: `key-${(at + n * 3) % KEYS}`, value: `value-${(at + n) % 7}` })),
  );
  await insert(
    'service_links',
    each(3, (at, n) => ({
      name: `Link ${n}`,
      url: `https://example.test/${at}/${n}`,
      category: `kind-${(at + n) % 5}`,
    })),
  );
  await insert(
    'service_dependencies',
    each(2, (at, n) => ({ depends_on_id: pick(services, at + n + 1) })).filter((_, at) => at % 3 > 0),
  );
  await insert(
    'service_properties',
    each(3, (at, n) => ({ definition_id: pick(definitions, at + n), value: JSON.stringify(`value-${at % 9}`) })),
  );
  const filters = await insert(
    'filters',
    times(FILTERS, (at) => ({ name: `Filter ${at}`, connective: at % 2 === 0 ? 'AND' : 'OR' })),
  );
  await insert(
    'filter_predicates',
    filters.flatMap((filter_id, at) =>
      predicatesOf(at, { tiers, teams }).map((predicate, position) => ({ filter_id, position, ...predicate })),
    ),
  );
  await insert(
    'checks',
    times(CHECKS, (at) => {
      const type = TYPES[at % TYPES.length] as UsedType;
      return {
        name: `Check ${at}`,
        type,
        category_id: pick(categoryIds, at),
        level_id: pick(levelIds, at),
        settings: JSON.stringify(settingsFor(type, at)),
        definition_id: type === 'SERVICE_PROPERTY' && at % 2 === 0 ? pick(definitions, at) : null,
        // Three checks of five have a filter.
        filter_id: at % 5 < 3 ? pick(filters, at) : null,
        enabled: true,
      };
    }),
  );
  await sql`vacuum (analyze)`;
}

const times = <Item>(count: number, item: (at: number) => Item): Item[] =>
  Array.from({ length: count }, (_, at) => item(at));

const NOTHING = {
  key_data: null,
  operator: 'EXISTS',
  value: null,
  case_sensitive: false,
  team_id: null,
  tier_id: null,
};

/** Two predicates of different kinds for each filter. */
function predicatesOf(at: number, { tiers, teams }: { tiers: string[]; teams: string[] }): (Row & { key: string })[] {
  const kinds: (Row & { key: string })[] = [
    { ...NOTHING, key: 'LANGUAGE', operator: 'DOES_NOT_EQUAL', value: 'Go' },
    { ...NOTHING, key: 'TIER', operator: 'LESS_THAN_OR_EQUAL_TO', tier_id: tiers[1 + (at % 3)] ?? null },
    { ...NOTHING, key: 'TAG', key_data: `key-${at}`, operator: 'DOES_NOT_EXIST' },
    { ...NOTHING, key: 'OWNER', operator: 'DOES_NOT_BELONG_TO', team_id: teams[at % 5] ?? null },
    { ...NOTHING, key: 'NAME', operator: 'MATCHES_REGEX', value: '[0-9]*[02468]$' },
    { ...NOTHING, key: 'LINK', operator: 'CONTAINS', value: '/1' },
  ];
  return [0, 1].map((n) => kinds[(at + n * 2) % kinds.length] as Row & { key: string });
}

const TYPES = [
  'HAS_OWNER',
  'SERVICE_PROPERTY',
  'TAG_DEFINED',
  'LINK',
  'HAS_DEPENDENCY',
  'RECENT_DEPLOY',
  'MANUAL',
] as const satisfies CheckType[];

type UsedType = (typeof TYPES)[number];

const equals = (value: string) => ({ operator: 'STARTS_WITH', value, caseSensitive: false });

const SETTINGS: { [Type in UsedType]: (at: number) => Settings[Type] } = {
  MANUAL: () => ({ frequencyDays: 30, commentRequired: false }),
  HAS_OWNER: (at) => ({ contactRequired: at % 2 === 0, contactType: null }),
  SERVICE_PROPERTY: (at) => ({
    property: at % 2 === 0 ? null : at % 3 === 0 ? 'LANGUAGE' : 'TIER',
    predicate: at % 4 === 1 ? equals('T') : null,
  }),
  TAG_DEFINED: (at) => ({ key: `key-${at % KEYS}`, predicate: at % 2 === 0 ? equals('value-') : null }),
  LINK: (at) => ({ category: `kind-${at % 5}`, name: null, predicate: at % 2 === 0 ? equals('https://') : null }),
  HAS_DEPENDENCY: () => ({}),
  RECENT_DEPLOY: (at) => ({ days: 30 + (at % 60) }),
};

const settingsFor = (type: UsedType, at: number): object => SETTINGS[type](at);
