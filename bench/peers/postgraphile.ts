import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { DATABASE_URL, POOL, ready } from './ready.ts';

/** PostGraphile 5 in production mode. With ROLE, each request uses this role and the organization of its header. */
const { ROLE } = process.env;

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  // The plugin allows orders only for single indexed columns, but each index here begins with the organization.
  disablePlugins: ['PgIndexBehaviorsPlugin'],
  pgServices: [
    makePgService({ connectionString: DATABASE_URL, schemas: ['public'], poolConfig: { max: Number(POOL) } }),
  ],
  grafserv: { graphiql: false, watch: false, websockets: false },
  grafast: {
    explain: false,
    context: ({ node }) =>
      ROLE
        ? { pgSettings: { role: ROLE, 'ambit.organization_id': String(node?.req.headers['x-organization-id']) } }
        : {},
  },
});

const server = createServer();
await instance.createServ(grafserv).addTo(server);
server.listen(0, '127.0.0.1', () => ready(server.address()));
