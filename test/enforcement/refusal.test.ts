import type { GraphQLInputType } from 'graphql';
import { expect, test } from 'vitest';
import type { Permission } from '../../src/access/catalog.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { builder } from '../../src/graphql/builder.ts';
import { Session } from '../../src/resources/session/graphql.ts';
import type { SessionRow } from '../../src/resources/session/service.ts';
import { buildSchema } from '../../src/schema.ts';
import { startApi } from '../support/api.ts';
import { createFixtures, ordinaryInput } from '../support/fixtures.ts';
import { hasInputField, isOfProject, mutationNamed, targetOf, toInput, verbAndType } from '../support/introspect.ts';
import type { Input } from '../support/resource.ts';
import { addMember, createOrganization } from '../support/world.ts';
import { arbitraryValue, operationOf, PUBLIC_FIELDS, rootFields, ruleOf } from './support.ts';

/** The guards of the schema, tested over HTTP. */
const schema = buildSchema();

/** A resolver without a filter: it returns a session of another user. */
let leaked: SessionRow | null = null;
builder.queryField('leak', (t) =>
  t.field({ type: Session, nullable: true, public: true, description: 'For this test.', resolve: () => leaked }),
);

const api = await startApi({ schema: buildSchema() });
const acme = await createOrganization(api, 'acme');
const reader = await addMember(api, acme, 'read');
const fixtures = createFixtures(api, acme);

/** These check the permission in the project of the object, so an unknown object refuses everyone. */
async function about(mutation: string): Promise<{ input: Input; target: string | null } | undefined> {
  const { verb, type } = verbAndType(mutation.replace(/^rotate/, 'update')) ?? {};
  if (!verb || !type || !(verb === 'create' ? hasInputField(mutation, 'projectId') : targetOf(mutation)))
    return undefined;
  const inside = type === 'Project' || isOfProject(type);
  const target = verb !== 'create' && inside ? await fixtures.one('Project') : null;
  if (verb === 'create')
    return {
      input: toInput(mutation, await ordinaryInput(fixtures, type)),
      target: inside ? await fixtures.one('Project') : null,
    };
  const id = type === 'Project' ? await fixtures.one(type) : await fixtures.make(type);
  const others = arbitraryValue(mutationNamed(mutation)?.args[0]?.type as GraphQLInputType);
  return { input: { ...others, ...toInput(mutation, { id }) }, target };
}

const everyField = (['Query', 'Mutation'] as const).flatMap((kind) =>
  rootFields(schema, kind).map((each) => ({ kind, each, name: `${kind}.${each.name}`, rule: ruleOf(each) })),
);

test.each(everyField)('$name asks an anonymous caller to sign in if it is guarded, and only then', async (entry) => {
  const { data, errors } = await api.as().query(...operationOf(entry.kind, entry.each));
  const codes = errors?.map((error) => error.extensions.code) ?? [];
  if (PUBLIC_FIELDS.includes(entry.name)) return expect(codes).not.toContain('UNAUTHENTICATED');
  expect(codes).toEqual(['UNAUTHENTICATED']);
  expect(data).toEqual({ [entry.each.name]: null });
});

const beyondRead = everyField.filter(
  ({ rule }) => rule?.permission && !rule.own && !roleByKey('read').allow.has(rule.permission as Permission),
);

test.each(beyondRead)(
  '$name names the missing permission and the reason to a Read member, and allows the Owner',
  async (entry) => {
    const known = await about(entry.each.name);
    const [document, variables] = operationOf(entry.kind, entry.each, known && { input: known.input });
    const refused = await reader.query(document, variables);
    const extensions = {
      code: 'FORBIDDEN',
      target: known?.target ?? null,
      permission: entry.rule?.permission,
      reason: 'NO_GRANT',
      hint: expect.stringMatching(/^Roles that grant it: .*\bOwner\b/),
    };
    const message = `${entry.rule?.permission} is needed, and the role Read does not grant it.`;
    expect(refused).toMatchObject({
      status: 200,
      data: { [entry.each.name]: null },
      errors: [{ message, path: [entry.each.name], extensions }],
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

test('an object that a resolver returns and that the caller cannot read is null, as one that does not exist', async () => {
  const [row] = await api.root`
    select id, user_id, organization_id, address, user_agent, created_at, refreshed_at, expires_at from sessions
    where user_id = (select id from users where email = ${acme.owner.email}) limit 1`;
  leaked = { id: row?.['id'], userId: row?.['user_id'], address: 'somewhere' } as SessionRow;

  for (const document of ['{ leak { ipAddress } }', '{ leak { __typename } }']) {
    const { data, errors } = await reader.query(document);
    expect({ data, errors }).toEqual({ data: { leak: null }, errors: undefined });
  }
  expect((await acme.owner.query('{ leak { ipAddress } }')).data).toEqual({ leak: { ipAddress: 'somewhere' } });
});
