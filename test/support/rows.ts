import { newId, publicIdOf } from '../../src/lib/ids.ts';
import { organizationUuid } from '../walls/support.ts';
import type { Api } from './api.ts';
import type { Rows } from './resource.ts';
import { RESOURCES } from './resources.ts';
import type { Organization } from './world.ts';

export interface Crowd {
  organization: Organization;
  /** Public ids of the rows, by type. */
  ids: Record<string, string[]>;
  /** Public id of the object of this type whose lists have many items. */
  parent(type: string): string;
}

/** Tables that belong to the instance, not to an organization. */
const OF_INSTANCE = ['users'];

/**
 * Rows of every type of the registry in this organization, by SQL: `size` of each. No two refer to the same row of
 * another type, so what is read for one tells nothing about the next; unless references are `repeated`.
 */
export async function insertRows(api: Api, organization: Organization, size: number, repeated = false): Promise<Crowd> {
  const rows = rowsOf(api, organization, size, repeated);
  await api.root`update organizations set plan = 'ENTERPRISE' where slug = ${organization.slug}`;
  const ids: Record<string, string[]> = {};
  const parents: Record<string, string> = {};
  for (const [type, { parent }] of Object.entries(RESOURCES)) {
    ids[type] = (await rows.of(type)).map((uuid) => publicIdOf(type, uuid));
    parents[type] = parent ? publicIdOf(type, await parent(rows)) : (ids[type][0] ?? '');
  }
  return { organization, ids, parent: (type) => parents[type] ?? '' };
}

function rowsOf(api: Api, organization: Organization, size: number, repeated: boolean): Rows {
  const results = new Map<string, Promise<unknown>>();
  const rows: Rows = {
    ...{ api, organization, size, organizationUuid: organizationUuid(organization) },
    async insert(table, row, count = size) {
      const common = OF_INSTANCE.includes(table) ? {} : { organization_id: rows.organizationUuid };
      const made = Array.from({ length: count }, (_, at) => ({ id: newId(), ...common, ...row(at) }));
      const columns = Object.keys(made[0] ?? {}).join(', ');
      await api.root.unsafe(
        `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
        [JSON.stringify(made)],
      );
      return made.map(({ id }) => id);
    },
    of: (type) => rows.once(`rows of ${type}`, () => resource(type).rows(rows)),
    async refer(type) {
      const ids = await rows.of(type);
      return repeated ? ids.map((id, at) => (at < size / 2 ? (ids[0] ?? id) : id)) : ids;
    },
    once<T>(key: string, work: () => Promise<T>) {
      if (!results.has(key)) results.set(key, work());
      return results.get(key) as Promise<T>;
    },
  };
  return rows;
}

function resource(type: string) {
  const entry = RESOURCES[type];
  if (!entry) throw new Error(`test/support/resources.ts has no entry ${type}`);
  return entry;
}
