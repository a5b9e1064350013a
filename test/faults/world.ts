import { Agent } from 'node:http';
import { type Json, type Operation, send } from './client.ts';
import { CLIENTS } from './sizes.ts';

export interface Tenant {
  id: string;
  slug: string;
  /** An API token with write access. */
  token: string;
  levelId: string;
}

/** The data of one client. Each client changes its own category, so that clients do not wait for each other. */
export interface Seat {
  tenant: Tenant;
  categoryId: string;
  name: string;
}

export interface World {
  tenants: Tenant[];
  seats: Seat[];
}

const SLUGS = ['amber', 'birch', 'coral', 'delta'];

const SIGN_UP = `mutation ($input: SignUpInput!) { signUp(input: $input) { session { accessToken } errors { code } } }`;
const CREATE = `mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { organization { id } errors { code } } }`;
const SWITCH = `mutation ($id: ID!) { switchOrganization(input: { organizationId: $id }) { session { accessToken } errors { code } } }`;
const TOKEN = `mutation { createApiToken(input: { name: "load", access: WRITE }) { secret errors { code } } }`;
const CATEGORY = `mutation ($name: String!) { createCategory(input: { name: $name }) { category { id } errors { code } } }`;

/** Organizations with a token and the categories of the clients, created by the API. */
export async function createWorld(address: string): Promise<World> {
  const agent = new Agent({ keepAlive: true });
  const ask = async (operation: Operation, token?: string): Promise<Json> => {
    const reply = await send({ agent, address, operation, deadline: 10_000, ...(token && { token }) });
    const [field] = Object.values(reply.body?.data ?? {}) as Json[];
    if (!field || field.errors?.length) throw new Error(`seed: ${JSON.stringify(reply)}`);
    return field;
  };
  const tenants = await Promise.all(SLUGS.map((slug) => createTenant(ask, slug)));
  const seats = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const tenant = tenants[client % tenants.length] as Tenant;
      const name = `${tenant.slug}.seat.${client}`;
      const { category } = await ask({ query: CATEGORY, variables: { name } }, tenant.token);
      return { tenant, name, categoryId: category.id };
    }),
  );
  agent.destroy();
  return { tenants, seats };
}

async function createTenant(
  ask: (operation: Operation, token?: string) => Promise<Json>,
  slug: string,
): Promise<Tenant> {
  const input = { email: `owner@${slug}.test`, name: slug, password: 'correct horse battery' };
  const { session } = await ask({ query: SIGN_UP, variables: { input } });
  const created = await ask({ query: CREATE, variables: { input: { name: slug, slug } } }, session.accessToken);
  const { id } = created.organization;
  const switched = await ask({ query: SWITCH, variables: { id } }, session.accessToken);
  const { secret } = await ask({ query: TOKEN }, switched.session.accessToken);
  const { nodes } = await ask({ query: '{ levels(first: 1) { nodes { id } } }' }, secret);
  return { id, slug, token: secret, levelId: nodes[0].id };
}
