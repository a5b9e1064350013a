import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import postgres from 'postgres';
import { startDatabase } from './harness/database.ts';
const server = await startDatabase();
const db = await server.create('pgc', {});
const sql = postgres(db.runtimeUrl, { max: 1, fetch_types: false, connection: { plan_cache_mode: 'force_generic_plan', role: 'ambit_runtime' } as never, onnotice: () => {} });
const c = await sql.reserve();
const [{ pid }] = (await c`select pg_backend_pid() as pid`) as any;
const fine = () => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;
const o = db.organizations[0] as any;
const org = o.id;
const P = { prepare: true } as any;
type S = [string, any[], any];
const BIND: S = [`select set_config('ambit.organization_id', $1, true), set_config('ambit.user_id', '', true)`, [org], P];
const cell = `concat_ws(E'\\x1f',"id",to_json("name"),"enabled",coalesce("enable_on"::text,''))`;
const id = o.checkIds[5];
const listCols = `"checks"."id","checks"."name","checks"."enabled","checks"."enable_on","checks"."category_id","checks"."level_id","checks"."owner_id"`;
const listWhere = `from "checks" where "checks"."organization_id" = $1 order by "checks"."name" asc, "checks"."id" asc limit $2`;
const p0cell = `concat_ws(E'\\x1f',"id",to_json("name"),"enabled",coalesce("enable_on"::text,''),"category_id","level_id",coalesce("owner_id"::text,''))`;
const agg = (cell: string, p: string) => `(select string_agg(${cell},E'\\x1f') from ${p})`;
const full = (m: string) => `with p0 as ${m} (select ${listCols} ${listWhere}),
p1 as ${m} (select id,name from categories where organization_id = $1 and id = any(array(select category_id from p0))),
p2 as ${m} (select id,name,index from levels where organization_id = $1 and id = any(array(select level_id from p0))),
p3 as ${m} (select id,user_id from principals where organization_id = $1 and id = any(array(select owner_id from p0)) and user_id is not null),
p4 as ${m} (select id,name from users where id = any(array(select user_id from p3)))
select ${agg(p0cell, 'p0')},${agg(`concat_ws(E'\\x1f',id,to_json(name))`, 'p1')},${agg(`concat_ws(E'\\x1f',id,to_json(name),index)`, 'p2')},${agg(`concat_ws(E'\\x1f',id,user_id)`, 'p3')},${agg(`concat_ws(E'\\x1f',id,to_json(name))`, 'p4')}`;
const joined = `with p0 as materialized (select ${listCols} ${listWhere}),
p1 as materialized (select id,name from categories where organization_id = $1 and id = any(array(select category_id from p0))),
p2 as materialized (select id,name,index from levels where organization_id = $1 and id = any(array(select level_id from p0))),
p3 as materialized (select p.id,u.id as uid,u.name from principals p join users u on u.id = p.user_id where organization_id = $1 and p.id = any(array(select owner_id from p0)))
select ${agg(p0cell, 'p0')},${agg(`concat_ws(E'\\x1f',id,to_json(name))`, 'p1')},${agg(`concat_ws(E'\\x1f',id,to_json(name),index)`, 'p2')},${agg(`concat_ws(E'\\x1f',id,uid,to_json(name))`, 'p3')}`;
const raw = (t: string) => t.replaceAll('to_json(name)', 'name').replaceAll('to_json("name")', '"name"');
const quoteless = (t: string) => t.replaceAll('to_json(name)', `replace(name, '"', '')`).replaceAll('to_json("name")', `replace("name",'"','')`);
const CASES: Record<string, S> = {
  'select 1': ['select 1', [], P],
  'point cte': [`with p0 as materialized (select "checks"."id","checks"."name","checks"."enabled","checks"."enable_on" from "checks" where "checks"."organization_id" = $1 and "checks"."id" = $2) select ${agg(cell, 'p0')}`, [org, id], P],
  'point plain': [`select ${cell} from "checks" where "checks"."organization_id" = $1 and "checks"."id" = $2`, [org, id], P],
  'point cols': [`select id,name,enabled,enable_on from "checks" where "checks"."organization_id" = $1 and "checks"."id" = $2`, [org, id], P],
  'list p0 only': [`with p0 as materialized (select ${listCols} ${listWhere}) select ${agg(p0cell, 'p0')}`, [org, 50], P],
  'list p0 sub': [`select ${agg(p0cell, `(select ${listCols} ${listWhere}) p0`)}`, [org, 50], P],
  'list p0 rows': [`select ${listCols} ${listWhere}`, [org, 50], P],
  'list p0 row texts': [`select ${p0cell} ${listWhere}`, [org, 50], P],
  'list full': [full('materialized'), [org, 50], P],
  'list full raw names': [raw(full('materialized')), [org, 50], P],
  'list full inlined': [full('not materialized').replace('p0 as not materialized','p0 as materialized').replace('p3 as not materialized','p3 as materialized'), [org, 50], P],
  'list joined users': [joined, [org, 50], P],
};
const N = Number(process.env.N ?? 1500);
const best: Record<string, number[]> = {};
await (c.unsafe('begin isolation level repeatable read read only') as any);
await c.unsafe(...BIND);
for (let r = 0; r < 4; r++) for (const [name, s] of Object.entries(CASES)) {
  const one = () => (c.unsafe(s[0], s[1], { ...s[2] }) as any).values();
  for (let i = 0; i < 20; i++) await one();
  const a = fine(), m = process.cpuUsage();
  for (let i = 0; i < N; i++) await one();
  const b = fine(), u = process.cpuUsage(m);
  (best[name] ??= []).push((b - a) / N); (best[name + ' node'] ??= []).push((u.user + u.system) / N);
}
for (const name of Object.keys(CASES)) console.log(name.padEnd(30), 'pg', Math.min(...best[name]!).toFixed(1).padStart(7), 'node', Math.min(...best[name + ' node']!).toFixed(1).padStart(7));
if (process.env.EX) console.log((await c.unsafe(`explain (analyze, timing on) ${CASES['list full']![0].replaceAll('$1', `'${org}'`).replaceAll('$2', '50')}`)).map((r: any) => r['QUERY PLAN']).join('\n'));
process.exit(0);
