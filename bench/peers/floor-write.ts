import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { toUUID } from 'typeid-js';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { ready, text } from './ready.ts';
import { sql } from './rows.ts';

/**
 * The minimum cost of creating a check: the lookup of the token, then binding, check and audit event in one transaction,
 * sent together. Without GraphQL, validation and access decisions.
 */
interface Input {
  name: string;
  category: { id: string };
  level: { id: string };
}

const uuid = ({ id }: { id: string }): string => toUUID(id as never);

async function create(authorization: string, input: Input): Promise<unknown> {
  const hash = createHash('sha256').update(authorization.slice('Bearer '.length)).digest('base64url');
  const [row] = await sql`select * from ambit.find_api_token(${hash})`;
  if (!row) throw new Error('no such token');
  const { organization_id: organization, user_id: user, email, credential_id: credential } = row;
  const id = newId();
  const now = new Date();
  const publicId = toPublicId('chk', id);
  const { name, category, level } = input;
  const after = {
    name,
    alias: null,
    categoryId: category.id,
    levelId: level.id,
    id: publicId,
    notes: null,
    type: 'MANUAL',
    ownerId: null,
    enabled: true,
    enableOn: null,
    createdAt: now,
    updatedAt: now,
  };
  const [, checks] = await sql.begin((tx) => [
    tx`select set_config('ambit.organization_id', ${organization}, true), set_config('ambit.user_id', ${user}, true)`,
    tx`insert into checks (organization_id, id, name, notes, type, category_id, level_id, owner_id, enabled, enable_on, created_at, updated_at)
      values (${organization}, ${id}, ${name}, default, 'MANUAL', ${uuid(category)},
        ${uuid(level)}, default, true, null, ${now}, ${now})
      returning organization_id, id, name, notes, type, category_id, level_id, owner_id, enabled, enable_on, created_at, updated_at`,
    tx`insert into audit_events (organization_id, id, created_at, action, permission, outcome, reason, user_id, actor, role,
        credential_kind, credential_id, target_id, before, after, request_id, address)
      values (${organization}, ${newId()}, ${now}, 'createCheck', 'check:create', 'ALLOWED', null, ${user}, ${email}, 'Admin',
        'API_TOKEN', ${credential}, ${publicId}, default, ${sql.json(after as never)}, ${randomUUID()}, '127.0.0.1')`,
  ]);
  const [check] = checks ?? [];
  return { data: { createCheck: { check: { name, enabled: check?.['enabled'] }, errors: [] } } };
}

const server = createServer(async (req, res) => {
  const { variables } = JSON.parse(await text(req));
  const answer = await create(String(req.headers.authorization), variables.input);
  res.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(answer));
});
server.listen(0, '127.0.0.1', () => ready(server.address()));
