import type { Api, Caller, Json } from '../support/api.ts';
import {
  checkOf,
  done,
  found,
  join,
  mutate,
  type Organization,
  PASSWORD,
  type Rubric,
  roleId,
  signIn,
} from '../support/world.ts';
import { unknownId } from './support.ts';

const CREATE_TOKEN = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { apiToken { id } errors { code } } }`;

export interface Case {
  input: Json;
  /** The Owner of acme unless told. */
  caller?: Caller;
}

/** For every mutation an input that is right and one that is wrong. */
export async function casesOf(api: Api, acme: Organization, rubric: Rubric) {
  const used = await checkOf(acme.owner, rubric);
  const { owner } = acme;
  const [categoryId, levelId] = [rubric.categories['Security'], rubric.levels['Bronze']];
  let counter = 0;
  const fresh = (what: string): string => {
    counter += 1;
    return `${what}-${counter}`;
  };
  const created = async (name: string, input: object, result: string): Promise<string> =>
    (await mutate(owner, name, input, `${result} { id }`))[result].id;
  const newCategory = () => created('createCategory', { name: fresh('Category') }, 'category');
  const newLevel = () => created('createLevel', { name: fresh('Level') }, 'level');
  const newMember = async () => (await join(api, acme, 'user', fresh('user'))).memberId;
  const newToken = async () => (await done(owner, CREATE_TOKEN, { input: { name: 'Token' } })).apiToken.id;

  /** What succeeds, each time it is made. A new mutation of the schema needs its line here and in `wrong`. */
  const right: Record<string, () => Promise<Case>> = {
    createApiToken: async () => ({ input: { name: 'Token', access: 'WRITE' } }),
    createCategory: async () => ({ input: { name: fresh('Category') } }),
    createCheck: async () => ({ input: { name: 'Check', categoryId, levelId, ownerId: owner.memberId } }),
    createLevel: async () => ({ input: { name: fresh('Level'), index: 0 } }),
    createOrganization: async () => ({ input: { name: 'Other', slug: fresh('other') } }),
    deleteApiToken: async () => ({ input: { id: await newToken() } }),
    deleteCategory: async () => ({ input: { id: await newCategory() } }),
    deleteCheck: async () => ({ input: { id: await checkOf(owner, rubric) } }),
    deleteLevel: async () => ({ input: { id: await newLevel() } }),
    deleteMember: async () => ({ input: { id: await newMember() } }),
    deleteOrganization: async () => {
      const doomed = await found(api, fresh('doomed'));
      return { caller: doomed.owner, input: { id: doomed.id, slug: doomed.slug } };
    },
    refreshSession: async () => ({ input: { refreshToken: (await signIn(api, owner.email)).refreshToken } }),
    signIn: async () => ({ input: { email: owner.email, password: PASSWORD } }),
    signOut: async () => ({ caller: await signIn(api, owner.email), input: {} }),
    signOutMember: async () => ({ input: { id: await newMember() } }),
    signUp: async () => ({ input: { email: `${fresh('new')}@acme.test`, password: PASSWORD, name: 'New' } }),
    switchOrganization: async () => ({ caller: await signIn(api, owner.email), input: { organizationId: acme.id } }),
    updateCategory: async () => ({ input: { id: await newCategory(), name: fresh('Renamed') } }),
    updateCheck: async () => ({
      input: { id: await checkOf(owner, rubric), name: 'Renamed', ownerId: owner.memberId },
    }),
    updateLevel: async () => ({ input: { id: await newLevel(), name: fresh('Renamed'), index: 0 } }),
    updateMember: async () => ({ input: { id: await newMember(), roleId: roleId('write') } }),
    updateOrganization: async () => ({ input: { id: acme.id, name: fresh('Renamed') } }),
    updateRubric: async () => ({ input: { name: fresh('Renamed') } }),
  };

  /** What is wrong with an input, and the codes that say so; null where an input can be wrong in its id only. */
  const wrong: Record<string, [input: Json, codes: string] | null> = {
    createApiToken: [{ name: '', expiresAt: '2001-01-01T00:00:00Z' }, 'TOO_SHORT'],
    createCategory: [{ name: 'security' }, 'TAKEN'],
    createCheck: [{ name: '', categoryId: unknownId('lvl'), levelId }, 'TOO_SHORT NOT_FOUND'],
    createLevel: [{ name: 'Far', index: 99 }, 'INVALID'],
    createOrganization: [{ name: 'Acme', slug: 'acme' }, 'TAKEN'],
    deleteApiToken: null,
    deleteCategory: [{ id: categoryId }, 'IN_USE'],
    deleteCheck: null,
    deleteLevel: [{ id: levelId }, 'IN_USE'],
    deleteMember: [{ id: owner.memberId }, 'LAST_OWNER'],
    deleteOrganization: [{ id: acme.id, slug: 'globex' }, 'MISMATCH'],
    refreshSession: [{ refreshToken: 'made up' }, 'WRONG_CREDENTIALS'],
    signIn: [{ email: owner.email, password: 'wrong' }, 'WRONG_CREDENTIALS'],
    signOut: null,
    signOutMember: null,
    signUp: [{ email: owner.email, password: PASSWORD, name: 'Again' }, 'TAKEN'],
    switchOrganization: [{ organizationId: unknownId('org') }, 'NOT_FOUND'],
    updateCategory: [{ id: categoryId, name: null }, 'REQUIRED'],
    updateCheck: [{ id: used, categoryId: unknownId('cat') }, 'NOT_FOUND'],
    updateLevel: [{ id: levelId, index: -1 }, 'INVALID'],
    updateMember: [{ id: owner.memberId, roleId: roleId('read') }, 'LAST_OWNER'],
    updateOrganization: [{ id: acme.id, slug: 'Not a slug' }, 'INVALID'],
    updateRubric: [{ name: 'x'.repeat(101) }, 'TOO_LONG'],
  };

  return { right, wrong };
}
