import type { Api } from './api.ts';
import {
  asBulk,
  bulkOf,
  createMutationOf,
  hasInputField,
  inputFields,
  mutations,
  resultOf,
  targetOf,
  toInput,
  verbAndType,
} from './introspect.ts';
import type { Case, Fixtures, Input, RejectedInput, Resource } from './resource.ts';
import { RESOURCES } from './resources.ts';
import { mutate, type Organization } from './world.ts';

/** The entry of a type. Throws an error that names the missing entry. */
export function resourceOf(type: string): Resource {
  const entry = RESOURCES[type];
  if (!entry) throw new Error(`test/support/resources.ts has no entry ${type}: add RESOURCES.${type}`);
  return entry;
}

/**
 * Objects of this organization, created by its Owner over HTTP on first use. The label makes the names of several such
 * sets in one organization unique.
 */
export function createFixtures(api: Api, organization: Organization, label = ''): Fixtures {
  const { owner } = organization;
  const ones = new Map<string, Promise<string>>();
  let count = 0;
  const fixtures: Fixtures = {
    ...{ api, organization, owner },
    unique: (text) => `${text}-${label}${++count}`,
    one(type) {
      if (!ones.has(type)) ones.set(type, fixtures.make(type));
      return ones.get(type) as Promise<string>;
    },
    async make(type, more = {}) {
      const { obtain } = resourceOf(type);
      if (obtain) return await obtain(fixtures);
      return await create(fixtures, type, { ...(await ordinaryInput(fixtures, type)), ...more });
    },
  };
  return fixtures;
}

async function create({ owner }: Fixtures, type: string, input: Input): Promise<string> {
  const mutation = createMutationOf(type);
  const result = resultOf(mutation);
  const answer = await mutate(owner, mutation, toInput(mutation, input), `${result} { id }`);
  const [object] = [answer[result]].flat();
  if (!object) throw new Error(`${mutation} ${JSON.stringify(input)}: ${JSON.stringify(answer)}`);
  return object.id;
}

/** The input that creates an ordinary object of this type. */
export async function ordinaryInput(fixtures: Fixtures, type: string): Promise<Input> {
  const { base, create: full } = resourceOf(type);
  const input = base ?? full;
  if (!input) throw new Error(`RESOURCES.${type} needs \`create\` or \`obtain\``);
  return await input(fixtures);
}

const particularCase = (mutation: string) =>
  Object.values(RESOURCES).flatMap(({ cases }) => (cases?.[mutation] ? [cases[mutation]] : []))[0];

/** An input with which the mutation succeeds, a different one on each call. */
export async function validCase(fixtures: Fixtures, mutation: string): Promise<Case> {
  const bulk = bulkOf(mutation);
  if (bulk) {
    const one = await validCase(fixtures, bulk.single);
    return { ...one, input: asBulk(mutation, one.input) };
  }
  const { input, ...rest } = await canonicalCase(fixtures, mutation);
  return { input: toInput(mutation, input), ...rest };
}

async function canonicalCase(fixtures: Fixtures, mutation: string): Promise<Case> {
  const particular = particularCase(mutation);
  if (particular) return await particular(fixtures);
  const { verb, type } = verbAndType(mutation) ?? {};
  if (!verb || !type) throw new Error(missingCase(mutation));
  if (verb === 'create') return { input: (await resourceOf(type).create?.(fixtures)) ?? missing(type, 'create') };
  const id = targetOf(mutation) ? { id: await fixtures.make(type) } : {};
  if (verb === 'delete') return { input: { ...id, ...(await confirmOf(fixtures, type, id.id)) } };
  const [changes] = (await resourceOf(type).updates?.(fixtures)) ?? missing(type, 'updates');
  return { input: { ...id, ...changes } };
}

const confirmOf = async (fixtures: Fixtures, type: string, id = ''): Promise<Input> =>
  (await resourceOf(type).confirm?.(fixtures, id)) ?? {};

/** The same input for another object, with the confirmation that a deletion needs. */
export async function withTarget(fixtures: Fixtures, mutation: string, input: Input, id: string): Promise<Input> {
  const bulk = bulkOf(mutation);
  if (bulk) return asBulk(mutation, await withTarget(fixtures, bulk.single, input[bulk.list][0], id));
  const { verb, type } = verbAndType(mutation) ?? {};
  const target = toInput(mutation, { id });
  return { ...input, ...target, ...(verb === 'delete' && type ? await confirmOf(fixtures, type, id) : {}) };
}

function missing(type: string, part: string): never {
  throw new Error(`RESOURCES.${type} of test/support/resources.ts needs \`${part}\``);
}

const missingCase = (mutation: string): string =>
  `test/support/resources.ts has no case for ${mutation}: add it to \`cases\` of the resource that it changes`;

/** The entry that the registry lacks to create an input for this mutation, or null. */
export function missingEntryFor(mutation: string): string | null {
  if (particularCase(mutation)) return null;
  const { verb, type } = verbAndType(mutation) ?? {};
  if (!verb || !type) return missingCase(mutation);
  const entry = RESOURCES[type];
  if (!entry) return null;
  if (verb === 'create' && !entry.create) return `add \`create\` to RESOURCES.${type}`;
  if (verb === 'update' && !entry.updates) return `add \`updates\` to RESOURCES.${type}`;
  return null;
}

/** A rejected input for each mutation: an empty text on create, null for a required field on update. */
export async function rejectedInputs(fixtures: Fixtures): Promise<Record<string, RejectedInput | null>> {
  const wrong: Record<string, RejectedInput | null> = {};
  for (const { name } of mutations) wrong[name] = await derivedRejectedInput(fixtures, name);
  for (const { rejected: particular } of Object.values(RESOURCES)) Object.assign(wrong, await particular?.(fixtures));
  for (const [name, each] of Object.entries(wrong)) if (each) each[0] = toInput(name, each[0]);
  for (const { name } of mutations) {
    const single = wrong[bulkOf(name)?.single ?? ''];
    if (single) wrong[name] = [asBulk(name, single[0]), single[1], ...single.slice(2)] as RejectedInput;
  }
  return wrong;
}

async function derivedRejectedInput(fixtures: Fixtures, mutation: string): Promise<RejectedInput | null> {
  const { verb, type } = verbAndType(mutation) ?? {};
  if (!type || (verb !== 'create' && verb !== 'update')) return null;
  const text = inputFields(createMutationOf(type)).find((field) => String(field.type) === 'String!')?.name;
  if (!text) return null;
  if (verb === 'create' && RESOURCES[type]?.create)
    return [{ ...(await ordinaryInput(fixtures, type)), [text]: '' }, 'TOO_SHORT'];
  if (verb === 'update' && hasInputField(mutation, text))
    return [{ id: await fixtures.one(type), [text]: null }, 'REQUIRED'];
  return null;
}
