import postgres, { type Sql } from 'postgres';
import { connect } from '../../src/db/client.ts';
import { hashPassword } from '../../src/identity/password.ts';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { ambitOn, withDatabase } from '../harness/database.ts';
import { evaluateAll } from '../harness/evaluate.ts';
import { graphql, sendOne } from '../harness/load.ts';
import { report } from '../harness/report.ts';
import { type Contender, inTurn, median } from '../harness/rounds.ts';
import type { Organization } from '../harness/seed.ts';
import { type Server, startAmbit } from '../harness/server.ts';
import { CHECKS, fillServices, SERVICES } from '../harness/services.ts';
import { LIST } from './list.ts';

/** Requests of one round. */
const REQUESTS = 10;
const CAMPAIGN_CHECKS = 5;
const DAYS = 365;
const PASSWORD = 'correct horse battery';

/** The reports for people, and a GraphQL list as a comparison. */
export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const database = await server.create('bench_report', { organizations: 1, members: 10, checks: 1_000 });
    const [large] = database.organizations as [Organization];
    const root = postgres(database.url, { max: 1, onnotice: () => undefined });
    // Disables triggers and foreign keys, as in `seed.ts`.
    await root`set session_replication_role = replica`;
    await fillServices(root, large);
    const campaign = await addCampaign(root, large);
    const pool = connect({ url: database.runtimeUrl, pool: 1, statementTimeout: 60_000 });
    await evaluateAll(pool, large);
    await pool.end();
    await addHistory(root, large);
    const email = await addPassword(root, large);
    await root`vacuum (analyze)`;
    await root.end();
    const ambit = await startAmbit({ ...ambitOn(database), LOG_LEVEL: 'error' });
    const cookie = await signIn(ambit, email);
    const token = large.readTokens[0] ?? '';
    const outcomes = await inTurn([
      latency('/reports/maturity', () => open(ambit, '/reports/maturity', cookie)),
      latency('/reports/campaigns/ID', () => open(ambit, `/reports/campaigns/${toPublicId('cmp', campaign)}`, cookie)),
      latency('/reports/campaigns', () => open(ambit, '/reports/campaigns', cookie)),
      latency('list: 50 checks', () => sendOne(ambit, graphql(token, LIST))),
    ]);
    await ambit.stop();
    await report({
      workload: 'report',
      what: `median latency of ${REQUESTS} pages, one after the other, in an organization of ${SERVICES.toLocaleString('en')} services and ${CHECKS} checks`,
      unit: 'ms',
      higherIsBetter: false,
      outcomes,
      targets: [
        { of: '/reports/maturity', atMost: 500 },
        { of: '/reports/campaigns/ID', atMost: 500 },
      ],
    });
  });

/** A campaign in progress with copies of some checks. */
async function addCampaign(sql: Sql, { id }: Organization): Promise<string> {
  const campaign = newId();
  await sql`insert into campaigns (organization_id, id, name, start_at, target_at)
    values (${id}, ${campaign}, 'Campaign', now() - interval '30 days', now() + interval '30 days')`;
  const copied = await sql`select * from checks where organization_id = ${id} order by id limit ${CAMPAIGN_CHECKS}`;
  for (const check of copied)
    await sql`insert into checks ${sql({ ...check, id: newId(), alias: null, campaign_id: campaign, source_check_id: check['id'] } as never)}`;
  return campaign;
}

/** Numbers of the past days. */
async function addHistory(sql: Sql, { id, levelIds }: Organization): Promise<void> {
  const services = sql.json(Object.fromEntries(levelIds.map((level, at) => [level, (at + 1) * 1_000])));
  await sql`insert into maturity_history (organization_id, day, category_id, services)
    select ${id}, to_char(now() - n * interval '1 day', 'YYYY-MM-DD'), ${id}, ${services}
    from generate_series(1, ${DAYS}::int) n`;
}

/** A password for a member that can read everything. Returns the e-mail address. */
async function addPassword(sql: Sql, { id }: Organization): Promise<string> {
  const [user] = await sql`select u.id, u.email from memberships m join users u on u.id = m.user_id
    where m.organization_id = ${id} order by m.principal_id limit 1`;
  await sql`insert into passwords (user_id, hash) values (${user?.['id']}, ${await hashPassword(PASSWORD)})`;
  return user?.['email'] as string;
}

/** Signs in with the form, as a browser does. Returns the cookie. */
async function signIn({ url }: Server, email: string): Promise<string> {
  const address = new URL('/reports/sign-in', url);
  const form = await fetch(address);
  const token = /name="token" value="([^"]+)"/.exec(await form.text())?.[1] ?? '';
  const [cookie = ''] = form.headers.getSetCookie();
  const response = await fetch(address, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookie.split(';', 1)[0] ?? '', origin: address.origin },
    body: new URLSearchParams({ email, password: PASSWORD, token }),
  });
  const session = response.headers.getSetCookie().find((one) => /^\S*ambit_reports=/.test(one));
  if (!session) throw new Error(`the sign-in has the status ${response.status}`);
  return session.split(';', 1)[0] ?? '';
}

async function open({ url }: Server, path: string, cookie: string): Promise<void> {
  const response = await fetch(new URL(path, url), { redirect: 'manual', headers: { cookie } });
  const html = await response.text();
  if (response.status !== 200 || !html.includes('</html>'))
    throw new Error(`${path} has the status ${response.status}`);
}

/** The median of the requests of a round. */
const latency = (name: string, send: () => Promise<unknown>): Contender => ({
  name,
  async measure() {
    const times: number[] = [];
    for (let at = 0; at < REQUESTS; at += 1) {
      const from = performance.now();
      await send();
      times.push(performance.now() - from);
    }
    return median(times);
  },
});
