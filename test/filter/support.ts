import type { Caller, Json } from '../support/api.ts';
import { mutate, queryData } from '../support/world.ts';

export const FIELDS = 'name description connective predicates { key keyData operator value caseSensitive }';

/** Creates an object, and returns its ID. */
export async function create(caller: Caller, type: string, input: object): Promise<string> {
  const field = `${type.slice(0, 1).toLowerCase()}${type.slice(1)}`;
  const answer = await mutate(caller, `create${type}`, input, `${field} { id }`);
  if (!answer[field]) throw new Error(`create${type} ${JSON.stringify(input)}: ${JSON.stringify(answer)}`);
  return answer[field].id;
}

let created = 0;

/** Creates a filter with these predicates, and returns its ID. */
export const createFilter = (caller: Caller, ...predicates: object[]): Promise<string> =>
  create(caller, 'Filter', { name: `Filter ${++created}`, predicates });

/** A predicate that is another filter. */
export const nested = (id: string, operator = 'MATCHES') => ({ key: 'FILTER', operator, value: id });

const SERVICES = `query ($filterId: ID, $matches: FilterConditions, $search: String, $first: Int, $after: String) {
  services(filterId: $filterId, filter: { matches: $matches, search: $search }, first: $first, after: $after) {
    totalCount nodes { name } pageInfo { endCursor hasNextPage } } }`;

/** The names of the services that match. Throws if the total count differs. */
export async function names(caller: Caller, variables: object): Promise<string[]> {
  const { services } = await queryData(caller, SERVICES, variables as Record<string, unknown>);
  if (services.totalCount !== services.nodes.length) throw new Error(JSON.stringify(services));
  return services.nodes.map(({ name }: Json) => name);
}

/** The whole response of the list of services. */
export const list = (caller: Caller, variables: object) => caller.query(SERVICES, variables as Record<string, unknown>);
