import { expect, test, vi } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { allow, createProject, giveProjectRole } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { everything } from '../support/selection.ts';
import { found, join, rubricOf } from '../support/world.ts';
import { casesOf } from '../walls/mutations.ts';
import { furnish, operationOf, type RootField, rootFields } from '../walls/support.ts';
import { type Need, needsOf, readSchema } from './needs.ts';

/** Permissions that the server has asked for, except where it compares what the caller holds with what they give. */
const recorder = vi.hoisted(() => ({ asked: new Set<string>(), paused: 0 }));

vi.mock('../../src/access/access.ts', async (original) => {
  const actual = await original<typeof import('../../src/access/access.ts')>();
  const recorded = (access: Json): Json => {
    const record =
      (name: string) =>
      (permission: string, ...target: unknown[]): unknown => {
        if (recorder.paused === 0) recorder.asked.add(permission);
        return access[name](permission, ...target);
      };
    return {
      ...access,
      ...Object.fromEntries(['decide', 'can', 'sees', 'require'].map((name) => [name, record(name)])),
    };
  };
  return { ...actual, accessOf: (held: never) => recorded(actual.accessOf(held)) };
});

vi.mock('../../src/access/escalation.ts', async (original) => {
  const unrecorded =
    (run: Json) =>
    (...args: unknown[]): unknown => {
      recorder.paused += 1;
      try {
        return run(...args);
      } finally {
        recorder.paused -= 1;
      }
    };
  const actual = await original<Record<string, Json>>();
  return Object.fromEntries(
    Object.entries(actual).map(([name, value]) => [name, typeof value === 'function' ? unrecorded(value) : value]),
  );
});

const schema = readSchema();
const api = await startApi();
const acme = await found(api, 'acme');
const { owner } = acme;
const furniture = await furnish(api, acme);
const { right } = await casesOf(api, acme, await rubricOf(owner));

interface Asked {
  document: string;
  variables: Json;
  needs: Need[];
  asked: string[];
}

async function run(caller: Caller, document: string, variables: Json = {}): Promise<Asked & { answer: Json }> {
  recorder.asked.clear();
  const { data, errors } = await caller.query(document, variables);
  const asked = [...recorder.asked].sort();
  return { document, variables, asked, needs: needsOf(schema, document, variables), answer: { data, errors } };
}

/** Whether the object may belong to a project, where `project:read` is asked as well. */
const isAskedOnProjects = ({ anyOf }: Need): boolean =>
  anyOf.some((name) => PERMISSIONS.get(name)?.level !== 'organization');

function expectForeseen({ document, asked, needs }: Asked, exceptions: readonly string[] = []): void {
  const foreseen = new Set([...needs.flatMap(({ anyOf }) => anyOf), ...exceptions]);
  if (needs.some(isAskedOnProjects)) foreseen.add('project:read');
  expect(
    asked.filter((name) => !foreseen.has(name)),
    `asked, not declared: ${document}`,
  ).toEqual([]);
}

function expectAsked({ document, asked, needs }: Asked): void {
  const sure = needs.filter(({ anyOf, own, conditional }) => anyOf.length > 0 && !own && !conditional);
  const missing = sure.filter(({ anyOf }) => !anyOf.some((name) => asked.includes(name)));
  expect(missing, `declared, not asked: ${document}`).toEqual([]);
}

const selectionOf = (field: RootField, depth: number): string => {
  const type = schema.getType(field.type.toString().replaceAll(/[^A-Za-z]/g, '')) as Json;
  return typeof type.getFields === 'function' || typeof type.getTypes === 'function'
    ? `{ ${everything(schema, type, depth).replaceAll(/\bviewerPermissions\b/g, '__typename')} }`
    : '';
};

test.each(rootFields(schema, 'Mutation'))('$name', async (field) => {
  const { input, caller } = await (right[field.name] as () => Promise<Json>)();
  const [document, variables] = operationOf('Mutation', field, { input });
  const done = await run(
    caller ?? owner,
    document.replace(/\{ __typename.*\} \}$/, `${selectionOf(field, 1)} }`),
    variables,
  );
  console.log(field.name, JSON.stringify(done.answer.errors), done.asked.join(' '));
  expectForeseen(done);
  expectAsked(done);
});
