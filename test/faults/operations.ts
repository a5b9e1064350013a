import type { Json, Operation } from './client.ts';
import type { Seat } from './world.ts';

export interface Step extends Operation {
  /** The field of a mutation. Null for a query. */
  action: 'createCategory' | 'updateCategory' | 'createCheck' | null;
  /** The error in the data of a response without errors, or null. */
  wrong(data: Json): string | null;
}

const LIST = '{ categories(last: 20) { nodes { id name } } viewer { organization { id } } }';
const ONE = 'query ($id: ID!) { node(id: $id) { ... on Category { id name } } }';
const CREATE_CATEGORY =
  'mutation ($input: CreateCategoryInput!) { createCategory(input: $input) { category { id } errors { code } } }';
const UPDATE_CATEGORY =
  'mutation ($input: UpdateCategoryInput!) { updateCategory(input: $input) { category { id description } errors { code } } }';
const CREATE_CHECK =
  'mutation ($input: CreateCheckInput!) { createCheck(input: $input) { check { id } errors { code } } }';

/** The initial categories of an organization have names without a dot. All others begin with the slug. */
const isForeign = (slug: string, name: string): boolean => name.includes('.') && !name.startsWith(`${slug}.`);

function list({ tenant }: Seat): Step {
  return {
    query: LIST,
    action: null,
    wrong({ categories, viewer }) {
      if (viewer.organization.id !== tenant.id) return 'another organization';
      if (categories.nodes.length === 0) return 'no rows';
      return categories.nodes.some(({ name }: Json) => isForeign(tenant.slug, name)) ? 'foreign rows' : null;
    },
  };
}

const one = ({ categoryId, name }: Seat): Step => ({
  query: ONE,
  variables: { id: categoryId },
  action: null,
  wrong: ({ node }) => (node?.name === name ? null : 'a row is missing'),
});

const create = ({ tenant, categoryId }: Seat, id: string, what: 'Category' | 'Check'): Step => ({
  query: what === 'Check' ? CREATE_CHECK : CREATE_CATEGORY,
  variables: {
    input: { name: id, ...(what === 'Check' && { category: { id: categoryId }, level: { id: tenant.levelId } }) },
  },
  action: `create${what}`,
  wrong: (data) => (data[`create${what}`][what.toLowerCase()]?.id ? null : 'no id'),
});

const update = ({ categoryId }: Seat, id: string): Step => ({
  query: UPDATE_CATEGORY,
  variables: { input: { category: { id: categoryId }, description: id } },
  action: 'updateCategory',
  wrong: ({ updateCategory }) => (updateCategory.category.description === id ? null : 'another description'),
});

/** The operation of step `step`. Seven of ten are queries. A mutation stores the request id `id`. */
export function stepOf(seat: Seat, id: string, step: number): Step {
  const kinds = ['list', 'one', 'create', 'one', 'list', 'update', 'one', 'list', 'check', 'one'] as const;
  const kind = kinds[step % kinds.length];
  if (kind === 'list') return list(seat);
  if (kind === 'create') return create(seat, id, 'Category');
  if (kind === 'check') return create(seat, id, 'Check');
  return kind === 'update' ? update(seat, id) : one(seat);
}
