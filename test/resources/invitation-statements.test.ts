import { expect, test } from 'vitest';
import { allow, createProject, createRole } from '../decisions/support.ts';
import { secretFor } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { createOrganization, mutate, signUp } from '../support/world.ts';

/** One request can name 50 addresses and 100 project roles. The number of statements does not grow with them. */
const api = await startApi({ pool: 2 });
const { owner } = await createOrganization(api, 'acme');
const projectRoles: { projectId: string; roleId: string }[] = [];
for (let at = 0; at < 6; at += 1)
  projectRoles.push({
    projectId: await createProject(owner, `project-${at}`),
    roleId: await createRole(owner, `Reader ${at}`, [allow('dataset:read')]),
  });

async function statementsOf(run: () => Promise<Json>): Promise<number> {
  let count = 0;
  api.hooks.onStatement = (text) => {
    // Mails are counted for each recipient.
    if (!text.includes('"rate_limits"')) count += 1;
  };
  const answer = await run();
  delete api.hooks.onStatement;
  expect(answer.errors).toEqual([]);
  return count;
}

let last = 0;
const addresses = (count: number): string[] => Array.from({ length: count }, () => `guest${++last}@else.test`);
const invite = (emails: string[], roles: number) =>
  statementsOf(() => mutate(owner, 'createInvitations', { emails, projectRoles: projectRoles.slice(0, roles) }));

test('an invitation takes no more statements for many addresses and roles than for one', async () => {
  const one = await invite(addresses(1), 1);
  expect(await invite(addresses(8), 6)).toBeLessThanOrEqual(one);
});

test('its acceptance takes no more statements for many roles than for one', async () => {
  const accept = async (roles: number): Promise<number> => {
    const [email = ''] = addresses(1);
    await invite([email], roles);
    const person = await signUp(api, email);
    return await statementsOf(() => mutate(person, 'acceptInvitation', { secret: secretFor(api, email) }));
  };
  const many = await accept(6);
  expect(many).toBeLessThanOrEqual(await accept(1));
});
