import { type GraphQLInputField, type GraphQLInputObjectType, type GraphQLNamedType, getNamedType } from 'graphql';
import { expect } from 'vitest';
import { type Api, type Json, startApi } from '../support/api.ts';
import {
  ask,
  cast,
  checkOf,
  found,
  mutate,
  type Person,
  roleId,
  rubricOf,
  schemaOf,
  tokenOf,
} from '../support/world.ts';

/** A field of a mutation's input. */
export interface Field {
  mutation: string;
  name: string;
  type: GraphQLNamedType;
  config: GraphQLInputField;
}

export interface Inputs {
  api: Api;
  owner: Person;
  /** A good input for each create and update mutation. */
  good: Record<string, Record<string, unknown>>;
  /** Every field of these mutations. */
  fields: Field[];
  /** Public ids of every type, and of another organization. */
  ids: string[];
  /** Sends the good input with one bad value. Gives the codes, and fails when anything was written or broken. */
  refusal(mutation: string, name: string, value: unknown): Promise<string[]>;
}

/** For `describe.each`: the fields with their names. */
export const titled = (fields: Field[]) => fields.map((field) => [`${field.mutation}(${field.name})`, field] as const);

/** A server with an object for each update, and all that its create and update mutations take. */
export async function startInputs(): Promise<Inputs> {
  const api = await startApi();
  const acme = await found(api, 'acme');
  const globex = await found(api, 'globex');
  const { owner, user } = await cast(api, acme);
  const { categories, levels } = await rubricOf(owner);
  const check = await checkOf(owner, { categories, levels });
  const token = await tokenOf(api, owner, 'READ');
  const { rubric } = await ask(owner, '{ rubric { id } }');
  const place = { categoryId: categories['Security'], levelId: levels['Bronze'] };

  const good: Inputs['good'] = {
    createOrganization: { name: 'Third', slug: 'third' },
    createCategory: { name: 'Cost', description: 'Money.' },
    createLevel: { name: 'Platinum', description: 'Shines.', index: 0 },
    createCheck: { name: 'Logs', notes: 'Kept.', ...place, ownerId: owner.memberId, type: 'MANUAL', enabled: true },
    createApiToken: { name: 'Deploy', access: 'READ', expiresAt: '2999-01-01T00:00:00Z' },
    updateOrganization: { id: acme.id, name: 'Acme', slug: 'acme' },
    updateMember: { id: user.memberId, roleId: roleId('read') },
    updateRubric: { name: 'Maturity', description: 'To be mature.' },
    updateCategory: { id: categories['Security'], name: 'Safety', description: 'Safe.' },
    updateLevel: { id: levels['Bronze'], name: 'Iron', description: 'Rusts.', index: 1 },
    updateCheck: { id: check, name: 'Traces', notes: 'Kept.', ...place, ownerId: owner.memberId, enabled: false },
  };
  const mutations = Object.values((await schemaOf(owner)).getMutationType()?.getFields() ?? {});
  const writing = mutations.filter(({ name }) => /^(create|update)/.test(name));
  expect(Object.keys(good).sort(), 'give each create and update mutation a good input above').toEqual(
    writing.map(({ name }) => name).sort(),
  );
  const fields = writing.flatMap(({ name: mutation, args }) =>
    Object.values((getNamedType(args[0]?.type) as GraphQLInputObjectType).getFields()).map((config) => ({
      mutation,
      name: config.name,
      type: getNamedType(config.type),
      config,
    })),
  );

  async function refusal(mutation: string, name: string, value: unknown): Promise<string[]> {
    const before = await everything(api);
    const { refused, errors } = await mutate(owner, mutation, { ...good[mutation], [name]: value });
    expect(await everything(api), 'nothing is written').toEqual(before);
    expect(api.logged, 'nothing is a fault of ours').toEqual([]);
    if (refused) return [refused];
    for (const error of errors) expect(error.path).toEqual([name]);
    return errors.map(({ code }: Json) => code);
  }

  const ids = [
    acme.id,
    owner.memberId,
    owner.userId,
    check,
    token.id,
    rubric.id,
    roleId('read'),
    globex.owner.memberId,
  ];
  return {
    api,
    owner,
    good,
    fields,
    ids: [...ids, ...Object.values(categories), ...Object.values(levels)],
    refusal,
  };
}

/** All that the organizations hold, the log of attempts apart. */
async function everything(api: Api): Promise<Json> {
  const tables = ['organizations', 'members', 'api_tokens', 'rubrics', 'categories', 'levels', 'checks'];
  const rows = tables.map((table) => `(select json_agg(t order by id) from ${table} t) as ${table}`);
  return (await api.root.unsafe(`select ${rows.join(', ')}`))[0];
}
