import type { GraphQLInputType } from 'graphql';
import { expect, test } from 'vitest';
import type { Permission } from '../../src/access/catalog.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { builder } from '../../src/graphql/builder.ts';
import { Session } from '../../src/resources/session/graphql.ts';
import type { SessionRow } from '../../src/resources/session/service.ts';
import { buildSchema } from '../../src/schema.ts';
import { startApi } from '../support/api.ts';
import { baseOf, createFixtures } from '../support/fixtures.ts';
import { formed, isOfProject, mutationNamed, takes, targetOf, verbAndType } from '../support/introspect.ts';
import type { Input } from '../support/resource.ts';
import { found, join } from '../support/world.ts';
import { madeUp, OPEN_FIELDS, operationOf, rootFields, ruleOf } from './support.ts';

/** The first wall, seen from outside. */
const schema = buildSchema();

/** A resolver that forgot to filter: it hands out a session of somebody else. */
let leaked: SessionRow | null = null;
builder.queryField('leak', (t) =>
  t.field({ type: Session, nullable: true, public: true, description: 'For this test.', resolve: () => leaked }),
);

const api = await startApi({ schema: buildSchema() });
const acme = await found(api, 'acme');
const reader = await join(api, acme, 'read');
const fixtures = createFixtures(api, acme);

/** Mutations of project-level objects ask on the project of their object; without one there is nobody who may. */
async function about(mutation: string): Promise<{ input: Input; target: string | null } | undefined> {
  const { verb, type } = verbAndType(mutation) ?? {};
  if (!verb || !type || !(verb === 'create' ? takes(mutation, 'projectId') : targetOf(mutation))) return undefined;
  const inside = type === 'Project' || isOfProject(type);
  const target = verb !== 'create' && inside ? await fixtures.one('Project') : null;
  if (verb === 'create')
    return {
      input: formed(mutation, await baseOf(fixtures, type)),
      target: inside ? await fixtures.one('Project') : null,
    };
  const id = type === 'Project' ? await fixtures.one(type) : await fixtures.make(type);
  const others = madeUp(mutationNamed(mutation)?.args[0]?.type as GraphQLInputType);
  return { input: { ...others, ...formed(mutation, { id }) }, target };
}

const everyField = (['Query', 'Mutation'] as const).flatMap((kind) =>
  rootFields(schema, kind).map((each) => ({ kind, each, name: `${kind}.${each.name}`, rule: ruleOf(each) })),
);

test.each(everyField)(
  'an anonymous caller is told to sign in by $name if it is guarded, and only then',
  async (asked) => {
    const { data, errors } = await api.as().query(...operationOf(asked.kind, asked.each));
    const codes = errors?.map((error) => error.extensions.code) ?? [];
    if (OPEN_FIELDS.includes(asked.name)) return expect(codes).not.toContain('UNAUTHENTICATED');
    expect(codes).toEqual(['UNAUTHENTICATED']);
    expect(data).toEqual({ [asked.each.name]: null });
  },
);

const beyondRead = everyField.filter(
  ({ rule }) => rule?.permission && !rule.own && !roleByKey('read').allow.has(rule.permission as Permission),
);

test.each(beyondRead)(
  '$name tells a Read member which permission is missing and why, and lets the Owner in',
  async (asked) => {
    const known = await about(asked.each.name);
    const [document, variables] = operationOf(asked.kind, asked.each, known && { input: known.input });
    const refused = await reader.query(document, variables);
    const extensions = {
      code: 'FORBIDDEN',
      target: known?.target ?? null,
      permission: asked.rule?.permission,
      reason: 'NO_GRANT',
      hint: expect.stringMatching(/^Roles that grant it: .*\bOwner\b/),
    };
    const message = `${asked.rule?.permission} is needed, and the role Read does not grant it.`;
    expect(refused).toMatchObject({
      status: 200,
      data: { [asked.each.name]: null },
      errors: [{ message, path: [asked.each.name], extensions }],
    });
    expect(Object.keys(refused.errors?.[0].extensions).sort()).toEqual([
      'code',
      'hint',
      'permission',
      'reason',
      'target',
    ]);

    const allowed = await acme.owner.query(document, variables);
    expect(allowed.errors?.map((error) => error.extensions.code) ?? []).not.toContain('FORBIDDEN');
  },
);

test("a type's own guard holds where a resolver hands out what the caller may not see", async () => {
  const [row] = await api.root`
    select id, user_id, organization_id, address, user_agent, created_at, refreshed_at, expires_at from sessions
    where user_id = (select id from users where email = ${acme.owner.email}) limit 1`;
  leaked = { id: row?.['id'], userId: row?.['user_id'], address: 'somewhere' } as SessionRow;

  const refused = await reader.query('{ leak { ipAddress } }');
  expect(refused).toMatchObject({
    data: { leak: null },
    errors: [{ path: ['leak', 'ipAddress'], extensions: { code: 'FORBIDDEN', permission: 'session:read' } }],
  });
  expect((await acme.owner.query('{ leak { ipAddress } }')).data).toEqual({ leak: { ipAddress: 'somewhere' } });
});
