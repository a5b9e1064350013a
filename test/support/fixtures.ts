import type { Api } from './api.ts';
import {
  createMutationOf,
  formed,
  inputFields,
  mutations,
  resultOf,
  takes,
  targetOf,
  verbAndType,
} from './introspect.ts';
import type { Case, Fixtures, Input, Resource, Wrong } from './resource.ts';
import { RESOURCES } from './resources.ts';
import { mutate, type Organization } from './world.ts';

/** The entry of a type; an error that names the entry to add where there is none. */
export function resourceOf(type: string): Resource {
  const entry = RESOURCES[type];
  if (!entry) throw new Error(`test/support/resources.ts has no entry ${type}: add RESOURCES.${type}`);
  return entry;
}

/**
 * Objects of this organization, made by its Owner over HTTP when they are first asked for. The label tells the names of
 * several such sets in one organization apart.
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
      return await create(fixtures, type, { ...(await baseOf(fixtures, type)), ...more });
    },
  };
  return fixtures;
}

async function create({ owner }: Fixtures, type: string, input: Input): Promise<string> {
  const mutation = createMutationOf(type);
  const result = resultOf(mutation);
  const answer = await mutate(owner, mutation, formed(mutation, input), `${result} { id }`);
  const [object] = [answer[result]].flat();
  if (!object) throw new Error(`${mutation} ${JSON.stringify(input)}: ${JSON.stringify(answer)}`);
  return object.id;
}

/** The input that makes an ordinary object of this type. */
export async function baseOf(fixtures: Fixtures, type: string): Promise<Input> {
  const { base, create: full } = resourceOf(type);
  const input = base ?? full;
  if (!input) throw new Error(`RESOURCES.${type} needs \`create\` or \`obtain\``);
  return await input(fixtures);
}

const casesIn = (mutation: string) =>
  Object.values(RESOURCES).flatMap(({ cases }) => (cases?.[mutation] ? [cases[mutation]] : []))[0];

/** A mutation of the schema with an input that succeeds, another one on each call. */
export async function caseOf(fixtures: Fixtures, mutation: string): Promise<Case> {
  const { input, ...rest } = await canonicalCase(fixtures, mutation);
  return { input: formed(mutation, input), ...rest };
}

async function canonicalCase(fixtures: Fixtures, mutation: string): Promise<Case> {
  const particular = casesIn(mutation);
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

/** The same input about another object, with what confirms it. */
export async function aimedAt(fixtures: Fixtures, mutation: string, input: Input, id: string): Promise<Input> {
  const { verb, type } = verbAndType(mutation) ?? {};
  const target = formed(mutation, { id });
  return { ...input, ...target, ...(verb === 'delete' && type ? await confirmOf(fixtures, type, id) : {}) };
}

function missing(type: string, part: string): never {
  throw new Error(`RESOURCES.${type} of test/support/resources.ts needs \`${part}\``);
}

const missingCase = (mutation: string): string =>
  `test/support/resources.ts has no case of ${mutation}: add it to \`cases\` of the resource that it changes`;

/** Whether the registry can make an input for this mutation; the message says what to add. */
export function complaintAbout(mutation: string): string | null {
  if (casesIn(mutation)) return null;
  const { verb, type } = verbAndType(mutation) ?? {};
  if (!verb || !type) return missingCase(mutation);
  const entry = RESOURCES[type];
  if (!entry) return null;
  if (verb === 'create' && !entry.create) return `add \`create\` to RESOURCES.${type}`;
  if (verb === 'update' && !entry.updates) return `add \`updates\` to RESOURCES.${type}`;
  return null;
}

/** For each mutation an input that is refused: an empty text on create, null for what is required on update. */
export async function wrongOf(fixtures: Fixtures): Promise<Record<string, Wrong | null>> {
  const wrong: Record<string, Wrong | null> = {};
  for (const { name } of mutations) wrong[name] = await derivedWrong(fixtures, name);
  for (const { wrong: particular } of Object.values(RESOURCES)) Object.assign(wrong, await particular?.(fixtures));
  for (const [name, each] of Object.entries(wrong)) if (each) each[0] = formed(name, each[0]);
  return wrong;
}

async function derivedWrong(fixtures: Fixtures, mutation: string): Promise<Wrong | null> {
  const { verb, type } = verbAndType(mutation) ?? {};
  if (!type || (verb !== 'create' && verb !== 'update')) return null;
  const text = inputFields(createMutationOf(type)).find((field) => String(field.type) === 'String!')?.name;
  if (!text) return null;
  if (verb === 'create' && RESOURCES[type]?.create)
    return [{ ...(await baseOf(fixtures, type)), [text]: '' }, 'TOO_SHORT'];
  if (verb === 'update' && takes(mutation, text)) return [{ id: await fixtures.one(type), [text]: null }, 'REQUIRED'];
  return null;
}
