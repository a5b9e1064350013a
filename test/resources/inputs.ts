import { afterEach, expect } from 'vitest';
import { AUDIT_LOG, allRows } from '../support/all-rows.ts';
import { type Api, type Json, startApi } from '../support/api.ts';
import { createFixtures, validCase } from '../support/fixtures.ts';
import { type InputPath, inputPaths, mutations, withValue } from '../support/introspect.ts';
import type { Input } from '../support/resource.ts';
import { RESOURCES } from '../support/resources.ts';
import { createOrganization, mutate, type Person } from '../support/world.ts';

export interface Inputs {
  api: Api;
  owner: Person;
  /** A valid input for each create and update mutation. */
  good: Record<string, Input>;
  /** Paths of all single values in these inputs. */
  fields: InputPath[];
  /** Paths of the lists in these inputs. */
  lists: InputPath[];
  /** Public IDs of every type and of another organization. */
  ids: string[];
  /** Sends the valid input with one invalid value and returns the codes. Expects no write and no internal error. */
  refusal(mutation: string, name: string, value: unknown): Promise<string[]>;
  /** Sends an input that may be accepted. */
  send(mutation: string, input: Input, results?: string): Promise<Json>;
}

/** For `describe.each`: the fields with their names. */
export const titled = (fields: InputPath[]) =>
  fields.map((field) => [`${field.mutation}(${field.name})`, field] as const);

/** A server with an object for each update mutation, and all inputs of its mutations. */
export async function startInputs(): Promise<Inputs> {
  const api = await startApi();
  const acme = await createOrganization(api, 'acme');
  const globex = await createOrganization(api, 'globex');
  const { owner } = acme;
  const fixtures = createFixtures(api, acme);
  const writing = mutations.map(({ name }) => name).filter((name) => /^(create|update)/.test(name));
  const good: Inputs['good'] = {};
  for (const name of writing) good[name] = (await validCase(fixtures, name)).input;
  const ids = [globex.owner.memberId];
  for (const type of Object.keys(RESOURCES)) ids.push(await fixtures.one(type));
  // Mail is written to the log, in which the tests look for internal errors.
  api.logged.length = 0;
  const { values: fields, lists } = inputPaths(writing);

  let state: Json;
  let refused = false;
  afterEach(async () => {
    if (!refused) return;
    refused = false;
    expect(await allRows(api, EXCLUDED), 'nothing is written').toEqual(state);
    expect(api.logged, 'nothing is a fault of the server').toEqual([]);
  });

  return {
    ...{ api, owner, good, fields, lists, ids },
    async refusal(mutation, name, value) {
      state ??= await allRows(api, EXCLUDED);
      refused = true;
      const answer = await mutate(owner, mutation, withValue(good[mutation], name, value));
      if (answer.refused) return [answer.refused];
      // The error of a reference has the path of the reference, not of its id.
      const path = name.replace(/\.id$/, '').split('.');
      for (const error of answer.errors) expect(error.path).toEqual(path);
      return answer.errors.map(({ code }: Json) => code);
    },
    async send(mutation, input, results) {
      state = undefined;
      return await mutate(owner, mutation, input, results);
    },
  };
}

/** Tables that requests change also when they fail. */
const EXCLUDED = [...AUDIT_LOG, 'sessions', 'refresh_tokens', 'rate_limits'];
