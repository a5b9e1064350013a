import fastify from 'fastify';
import mercurius from 'mercurius';
import { ready } from './ready.ts';
import {
  type Check,
  findCategories,
  findCheck,
  findChecks,
  findLevels,
  findMembers,
  findViewer,
  inOrder,
  permissions,
  typeDefs,
} from './rows.ts';

/** Mercurius as its documentation recommends for speed: compiled queries (`jit: 1`) and its own loaders. */
interface Context {
  organization: string;
  viewer: { user: { name: string } } | null;
}

type Asked = { obj: Check }[];

// Each check is resolved once, so a loader cache would only cost time.
const once = { opts: { cache: false } };

const loaders = {
  Check: {
    category: {
      ...once,
      loader: (asked: Asked, { organization }: Context) => load(organization, asked, 'category_id', findCategories),
    },
    level: {
      ...once,
      loader: (asked: Asked, { organization }: Context) => load(organization, asked, 'level_id', findLevels),
    },
    owner: {
      ...once,
      loader: (asked: Asked, { organization }: Context) => load(organization, asked, 'owner_id', findMembers),
    },
  },
};

async function load<Row extends { id: string }>(
  organization: string,
  asked: Asked,
  column: 'category_id' | 'level_id' | 'owner_id',
  find: (organization: string, ids: string[]) => Promise<Row[]>,
): Promise<(Row | null)[]> {
  const ids = asked.map(({ obj }) => obj[column]);
  return inOrder(await find(organization, ids), ids);
}

const resolvers = {
  Query: {
    checks: async (_root: unknown, { first }: { first: number }, { organization }: Context) => ({
      nodes: await findChecks(organization, first),
    }),
    check: (_root: unknown, { id }: { id: string }, { organization }: Context) => findCheck(organization, id),
    viewer: (_root: unknown, _args: unknown, { viewer }: Context) => viewer,
  },
  Viewer: { permissions: () => permissions },
};

const app = fastify();
await app.register(mercurius, {
  schema: typeDefs,
  resolvers: resolvers as never,
  loaders: loaders as never,
  jit: 1,
  context: async ({ headers }): Promise<Context> => ({
    organization: String(headers['x-organization-id']),
    viewer: headers.authorization ? await findViewer(headers.authorization) : null,
  }),
});
await app.listen({ host: '127.0.0.1', port: 0 });
ready(app.server.address());
