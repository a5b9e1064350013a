import { expect, test } from 'vitest';
import { newId } from '../../src/lib/ids.ts';
import { statementsOf } from '../support/statements.ts';
import { signIn } from '../support/world.ts';
import { startWorld } from './support.ts';

const { api, people } = await startWorld();

/** Inserts projects in which the User has a project role. SQL is faster than five hundred requests. */
async function projectsOf(count: number): Promise<void> {
  const [own] =
    await api.root`select organization_id, id from principals where user_id in (select id from users where email = ${people.user.email})`;
  for (let at = 0; at < count; at += 1) {
    const id = newId();
    await api.root`insert into projects (organization_id, id, key, name) values (${own?.['organization_id']}, ${id}, ${id}, 'one of many')`;
    await api.root`insert into assignments (organization_id, id, principal_id, project_id, built_in_role_id)
      values (${own?.['organization_id']}, ${newId()}, ${own?.['id']}, ${id}, '00000000-0000-8000-8000-000000000011')`;
  }
}

const signInAndList = async (): Promise<number> => {
  const user = await signIn(api, people.user.email, 'acme');
  const { data } = await user.query('{ projects(first: 500) { totalCount nodes { key viewerPermissions } } }');
  return data.projects.nodes.length;
};

test('signing in and listing 500 projects takes as many statements as with 5 projects', async () => {
  await projectsOf(4);
  await signInAndList();
  // A change of access before each request invalidates the cached grants.
  await projectsOf(1);
  const few = await statementsOf(api, signInAndList);
  await projectsOf(495);
  let listed = 0;
  const many = await statementsOf(api, async () => {
    listed = await signInAndList();
  });
  expect(listed).toBe(500);
  expect(many.length).toBe(few.length);
});
