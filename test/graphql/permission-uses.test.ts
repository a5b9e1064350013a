import { expect, test } from 'vitest';
import { ENDPOINTS } from '../../src/access/endpoints.ts';
import { allow, createRole, deny, giveRole } from '../decisions/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { printedSchema } from '../support/generated.ts';
import { addMember, createOrganization, queryData } from '../support/world.ts';

const api = await startApi({ pool: 1 });
const { permissions } = await queryData(api.as(), '{ permissions { name fields endpoints } }');
const of = (name: string): Json => permissions.find((row: Json) => row.name === name);

test('tells the fields, arguments, input fields, enum values and types that require a permission', () => {
  expect(of('check:update').fields).toContain('Mutation.updateCheck');
  expect(of('check:read').fields).toEqual(expect.arrayContaining(['Check', 'Query.checks', 'Category.checks']));
  expect(of('role:read').fields).toEqual(expect.arrayContaining(['Role', 'CreateInvitationsInput.roleId']));
  expect(of('project:read').fields).toContain('Query.roles(projectId:)');
  expect(of('api_token:grant_write').fields).toEqual(['ApiTokenAccess.WRITE']);
  expect(of('service_account:read').fields).toContain('CreateProjectMemberInput.principalId');
});

test('names every permission that the printed schema requires, and no other', () => {
  const printed = printedSchema();
  const used = permissions.filter(({ fields }: Json) => fields.length > 0).map(({ name }: Json) => name);
  const required = [...printed.matchAll(/@requires\((?:[^)]*)\)/g)].flatMap(
    ([text]) => text.match(/[a-z_]+:[a-z_]+/g) ?? [],
  );
  expect(new Set(used)).toEqual(new Set(required));
  expect(permissions.length).toBeGreaterThan(used.length);
});

test('every declared endpoint exists, and requires exactly its permission', async () => {
  const acme = await createOrganization(api, 'acme');
  const reader = await addMember(api, acme, 'read');
  await api.root`update organizations set plan = 'ENTERPRISE'`;
  await giveRole(
    acme.owner,
    reader.memberId,
    await createRole(acme.owner, 'Reader', [allow('*:read'), deny('service:read')]),
  );
  expect(of('audit_event:export').endpoints).toEqual(['GET /audit-events.csv', 'GET /audit-events.jsonl']);
  expect(of('service:create').endpoints).toEqual(['POST /services/import']);
  for (const [path, permission] of Object.entries(ENDPOINTS)) {
    const get = (token?: string) =>
      fetch(`${api.address}${path}`, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    expect((await get(acme.owner.token)).status, path).toBe(200);
    const refused = await get(reader.token);
    if (permission === null) expect(refused.status, path).toBe(200);
    else expect(JSON.stringify(await refused.json()), path).toContain(`"permission":"${permission}"`);
  }
  expect((await fetch(`${api.address}/elsewhere`)).status).toBe(404);
});
