import { expect, test } from 'vitest';
import { ENDPOINTS } from '../../src/access/endpoints.ts';
import { type Json, startApi } from '../support/api.ts';
import { printedSchema } from '../support/generated.ts';
import { queryData } from '../support/world.ts';

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

test('every declared endpoint exists, and other paths do not', async () => {
  for (const path of Object.keys(ENDPOINTS)) expect((await fetch(`${api.address}${path}`)).status, path).not.toBe(404);
  expect((await fetch(`${api.address}/elsewhere`)).status).toBe(404);
});
