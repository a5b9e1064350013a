import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import postgres, { type Sql } from 'postgres';
import { toUUID } from 'typeid-js';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { DATABASE_URL, POOL, ready, text } from './ready.ts';
import { type CredentialRow, checkOf, findCredential, knownCredential, sql } from './rows.ts';

/**
 * The minimum cost of creating a check: the lookup of the token, then binding, check and audit event in one transaction,
 * sent together. Without GraphQL, validation and access decisions. With ROUND_TRIPS=1, the check of a known token is part
 * of the transaction, and everything is sent together.
 */
const { ROUND_TRIPS } = process.env;

interface Input {
  name: string;
  category: { id: string };
  level: { id: string };
}

const uuid = ({ id }: { id: string }): string => toUUID(id as never);

/** Inserts the check and the audit event. */
function inserts(on: Sql, credential: CredentialRow, { name, category, level }: Input) {
  const { organization_id: organization, user_id: user, email, credential_id: credentialId } = credential;
  const id = newId();
  const now = new Date();
  const publicId = toPublicId('chk', id);
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
  return [
    on`insert into checks (organization_id, id, name, notes, type, category_id, level_id, owner_id, enabled, enable_on, created_at, updated_at)
      values (${organization}, ${id}, ${name}, default, 'MANUAL', ${uuid(category)},
        ${uuid(level)}, default, true, null, ${now}, ${now})
      returning organization_id, id, name, notes, type, category_id, level_id, owner_id, enabled, enable_on, created_at, updated_at`,
    on`insert into audit_events (organization_id, id, created_at, action, permission, outcome, reason, user_id, actor, role,
        credential_kind, credential_id, target_id, before, after, request_id, address)
      values (${organization}, ${newId()}, ${now}, 'createCheck', 'check:create', 'ALLOWED', null, ${user}, ${email}, 'Admin',
        'API_TOKEN', ${credentialId}, ${publicId}, default, ${on.json(after as never)}, ${randomUUID()}, '127.0.0.1')`,
  ] as const;
}

async function createInTwo(authorization: string, input: Input): Promise<unknown> {
  const credential = await findCredential(authorization);
  const { organization_id: organization, user_id: user } = credential;
  const [, checks] = await sql.begin((tx) => [
    tx`select set_config('ambit.organization_id', ${organization}, true), set_config('ambit.user_id', ${user}, true)`,
    ...inserts(tx as never, credential, input),
  ]);
  return checks?.[0]?.['enabled'];
}

/** With one connection each, because the driver sends statements together only on the same connection. */
const free = ROUND_TRIPS === '1' ? Array.from({ length: Number(POOL) }, () => postgres(DATABASE_URL, { max: 1 })) : [];

async function createInOne(authorization: string, input: Input): Promise<unknown> {
  const credential = await knownCredential(authorization);
  const connection = free.pop();
  if (!connection) throw new Error('more requests than connections');
  try {
    const [, [bound], [check]] = await Promise.all([
      connection.unsafe('begin'),
      checkOf(connection, authorization, credential),
      ...inserts(connection, credential, input),
      connection.unsafe('commit'),
    ]);
    if (!bound) throw new Error('the token has changed');
    return check?.['enabled'];
  } finally {
    free.push(connection);
  }
}

const create = ROUND_TRIPS === '1' ? createInOne : createInTwo;

const server = createServer(async (req, res) => {
  const { variables } = JSON.parse(await text(req));
  const enabled = await create(String(req.headers.authorization), variables.input);
  const answer = { data: { createCheck: { check: { name: variables.input.name, enabled }, errors: [] } } };
  res.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(answer));
});
server.listen(0, '127.0.0.1', () => ready(server.address()));
