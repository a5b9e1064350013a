import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import DataLoader from 'dataloader';
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

/** Apollo Server with a DataLoader per relation and request, as in its documentation. */
interface Context {
  organization: string;
  viewer: { user: { name: string } } | null;
  categories: DataLoader<string, unknown>;
  levels: DataLoader<string, unknown>;
  members: DataLoader<string, unknown>;
}

const loader = <Row extends { id: string }>(
  organization: string,
  find: (organization: string, ids: readonly string[]) => Promise<Row[]>,
): DataLoader<string, unknown> =>
  new DataLoader(async (ids: readonly string[]) => inOrder(await find(organization, ids), ids));

const server = new ApolloServer<Context>({
  typeDefs,
  resolvers: {
    Query: {
      checks: async (_root: unknown, { first }: { first: number }, { organization }: Context) => ({
        nodes: await findChecks(organization, first),
      }),
      check: (_root: unknown, { id }: { id: string }, { organization }: Context) => findCheck(organization, id),
      viewer: (_root: unknown, _args: unknown, { viewer }: Context) => viewer,
    },
    Check: {
      category: (check: Check, _args: unknown, { categories }: Context) => categories.load(check.category_id),
      level: (check: Check, _args: unknown, { levels }: Context) => levels.load(check.level_id),
      owner: (check: Check, _args: unknown, { members }: Context) => members.load(check.owner_id),
    },
    Viewer: { permissions: () => permissions },
  },
});

const { url } = await startStandaloneServer(server, {
  listen: { host: '127.0.0.1', port: 0 },
  context: async ({ req }) => {
    const organization = String(req.headers['x-organization-id']);
    return {
      organization,
      viewer: req.headers.authorization ? await findViewer(req.headers.authorization) : null,
      categories: loader(organization, findCategories),
      levels: loader(organization, findLevels),
      members: loader(organization, findMembers),
    };
  },
});
process.send?.({ url });
