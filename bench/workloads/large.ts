import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { roleByKey } from '../../src/access/roles.ts';
import { toPublicId } from '../../src/lib/ids.ts';
import { ambitOn, type Database, type Server as DatabaseServer, withDatabase } from '../harness/database.ts';
import { graphql, type Request, sendOne } from '../harness/load.ts';
import { type Blocked, blockedBy, LOOP_PROBE } from '../harness/probe.ts';
import { report } from '../harness/report.ts';
import { type Contender, inTurn, type Outcome, progress } from '../harness/rounds.ts';
import { idOf, type Organization } from '../harness/seed.ts';
import { type Server, startAmbit } from '../harness/server.ts';
import { listed } from '../harness/settings.ts';

const MEMBERS = 5_000;
const PROJECTS = 200;
const CUSTOM_ROLES = 20;

/** Project roles of each member. All sizes are measured. */
const PROJECT_ROLES = listed('BENCH_PROJECT_ROLES', '10').map(Number);

/** Built-in roles of projects, by `access/roles.ts`. */
const IN_PROJECTS = ['11', '12', '15'].map((digits) => `00000000-0000-8000-8000-0000000000${digits}`);

/** Adds the projects, gives each member roles in some of them, and makes the first member the Owner. */
async function enlarge({ url }: Database, { id }: Organization, projectRoles: number): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  // Disables triggers and foreign keys, as in `seed.ts`.
  await sql`set session_replication_role = replica`;
  await sql`create temporary table p as
    select n, uuidv7() as id from generate_series(0, ${PROJECTS - 1}::int) n`;
  await sql`insert into projects (organization_id, id, key, name)
    select ${id}, id, 'project-' || n, 'Project ' || n from p`;
  await sql`
    insert into assignments (organization_id, id, principal_id, project_id, built_in_role_id)
    select ${id}, uuidv7(), m.id, p.id, (${IN_PROJECTS}::uuid[])[1 + (m.n + p.n) % 3]
    from (select id, (row_number() over (order by id) - 1)::int as n from principals where organization_id = ${id}) m
    join p on (p.n - m.n * 7 % ${PROJECTS}::int + ${PROJECTS}::int) % ${PROJECTS}::int < ${projectRoles}::int
    where m.n > 0`;
  await sql`update assignments set built_in_role_id = ${roleByKey('owner').id}
    where organization_id = ${id} and principal_id = ${idOf('principal', 0, 0)} and project_id is null`;
  await sql`vacuum (analyze)`;
  await sql.end();
}

const UPDATE_MEMBER = `mutation ($input: UpdateMemberInput!) {
  updateMember(input: $input) { member { id } accessChanges { gained lost } errors { code message } }
}`;
const UPDATE_PLAN = `mutation {
  updatePlan(input: { plan: FREE, dryRun: true }) { accessChanges { principal { id } } errors { code message } }
}`;
const MATRIX = `{ accessMatrix(first: 50) { nodes { principal { id } entries { permission allowed role { name } } } } }`;

const WHO_CAN = '{ whoCan(permission: "project:read", first: 50) { nodes { id } } }';

/** Milliseconds without an operation. What blocks the event loop then are other processes of the machine. */
const IDLE = 2_000;

/** One operation. `target` is the limit in milliseconds. */
interface Operation {
  name: string;
  target?: number;
  request(round: number): Request;
}

function operationsOf({ writeToken }: Organization): Operation[] {
  const roles = ['read', 'write'] as const;
  const input = (round: number) => ({
    id: toPublicId('mem', idOf('principal', 0, MEMBERS / 2)),
    roleId: toPublicId('rol', roleByKey(roles[round % 2] ?? 'read').id),
  });
  return [
    {
      name: 'updateMember',
      target: 50,
      request: (round) => graphql(writeToken, UPDATE_MEMBER, { input: input(round) }),
    },
    { name: 'updatePlan(dryRun)', target: 1_000, request: () => graphql(writeToken, UPDATE_PLAN) },
    { name: 'accessMatrix', target: 1_000, request: () => graphql(writeToken, MATRIX) },
    { name: 'whoCan', request: () => graphql(writeToken, WHO_CAN) },
  ];
}

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    for (const projectRoles of PROJECT_ROLES) await measure(server, projectRoles);
  });

async function measure(server: DatabaseServer, projectRoles: number): Promise<void> {
  const contents = { organizations: 2, members: MEMBERS, roles: CUSTOM_ROLES, checks: 10 };
  const database = await server.create('bench_large', contents);
  const [large, other] = database.organizations as [Organization, Organization];
  await enlarge(database, large, projectRoles);
  const ambit = await startAmbit({ ...ambitOn(database), LOG_LEVEL: 'error' }, LOOP_PROBE);
  const probe = graphql(other.readTokens[0] ?? '', '{ __typename }');
  const operations = operationsOf(large);
  const contenders = operations.map((operation) => contender(operation, ambit, probe));
  const times = await inTurn(contenders);
  const idle = await blockedBy(ambit, probe, () => sleep(IDLE));
  await ambit.stop();
  const blocks = contenders.map(({ name, blocks }) => blockOf(name, blocks.slice(1)));
  blocks.push(blockOf('none', [idle]));
  await reportOn(projectRoles, operations, times, blocks);
}

/** An operation, with the blocks of each round. The first round is the warm-up. */
function contender({ name, request }: Operation, ambit: Server, probe: Request): Contender & { blocks: Blocked[] } {
  const blocks: Blocked[] = [];
  const measure = async (): Promise<number> => {
    let taken = 0;
    const send = async (): Promise<void> => {
      taken = await timeOf(ambit, request(blocks.length));
    };
    blocks.push(await blockedBy(ambit, probe, send));
    return taken;
  };
  return { name, measure, blocks };
}

/** Milliseconds of one request. Infinite if it fails. */
async function timeOf(ambit: Server, request: Request): Promise<number> {
  const from = performance.now();
  try {
    await sendOne(ambit, request, 'RESPONSE_TOO_LARGE');
    return performance.now() - from;
  } catch (error) {
    progress(`after ${Math.round(performance.now() - from)} ms: ${error}`);
    return Number.POSITIVE_INFINITY;
  }
}

async function reportOn(
  projectRoles: number,
  operations: Operation[],
  times: Outcome[],
  blocks: Outcome[],
): Promise<void> {
  const where = `an organization of ${MEMBERS.toLocaleString('en')} members with ${projectRoles} project roles each in ${PROJECTS} projects`;
  await report({
    workload: `large-${projectRoles}`,
    what: `latency in ${where}`,
    unit: 'ms',
    higherIsBetter: false,
    outcomes: times,
    notes: ['If every member has a role in every project, the changes of a plan can be larger than a response can be.'],
    targets: operations.flatMap(({ name, target }) => (target ? [{ of: name, atMost: target }] : [])),
  });
  await report({
    workload: `large-${projectRoles}-blocked`,
    what: `longest block of the event loop in all rounds, in ${where}`,
    unit: 'ms',
    higherIsBetter: false,
    outcomes: blocks,
    targets: operations.map(({ name }) => ({ of: name, atMost: 50 })),
    notes: [
      '“other” is the longest latency of { __typename } from another organization meanwhile. “none” is the time without an operation.',
    ],
  });
}

function blockOf(name: string, blocks: Blocked[]): Outcome {
  const all = blocks.map(({ longest }) => longest);
  return {
    name,
    median: Math.max(...all),
    all,
    details: { 'other ms': Math.max(...blocks.map(({ worst }) => worst)) },
  };
}
