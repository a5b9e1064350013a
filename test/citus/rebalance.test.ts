import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { fromPublicId } from '../../src/lib/ids.ts';
import { type Done, startLoad, summary } from './load.ts';
import { workerOf } from './proxied.ts';
import { differencesOfShards } from './shard-catalog.ts';
import { createStage, storedCategories, type Tenant } from './stage.ts';

const stage = await createStage();
const { root } = stage;
const [moved, others] = stage.tenants;
const worker = stage.workers[0] as (typeof stage.workers)[0];
const id = (tenant: Tenant): string => fromPublicId('org', tenant.id) ?? '';

/**
 * With `force_logical`, Citus moves shards by logical replication, which blocks writes for a moment only. Each node must
 * allow it: see docs/scale.md.
 */
const MODE = process.env['CITUS_TRANSFER_MODE'] ?? 'block_writes';

/** Runs `work` under load. Returns the failed operations. Nothing that was acknowledged may be missing afterwards. */
async function underLoad(what: string, work: () => Promise<unknown>): Promise<Done[]> {
  const load = startLoad(stage);
  onTestFinished(() => load.stop());
  const tenants = [...moved, ...others];
  await Promise.all(tenants.map((tenant) => load.served(tenant, 0)));
  const began = performance.now();
  await work();
  const ended = performance.now();
  await Promise.all(tenants.map((tenant) => load.served(tenant, ended)));
  await load.stop();
  const during = load.done.filter(({ endedAt, startedAt }) => endedAt > began && startedAt < ended);
  if (process.env['FIGURES'])
    process.stdout.write(
      `${what}, ${MODE}, ${Math.round(ended - began)} ms: ${JSON.stringify(summary(during), null, 1)}\n`,
    );
  const written = load.done.filter(({ kind, codes }) => kind === 'write' && codes.length === 0);
  const names = written.map(({ name }) => name);
  const stored = await storedCategories(root, names);
  expect(
    names.filter((name) => !stored.has(name)),
    'lost',
  ).toEqual([]);
  return load.done.filter(({ codes }) => codes.length > 0);
}

/** The client may send the request again, and it succeeds. */
const RETRY = new Set(['CONFLICT', 'UNAVAILABLE', 'OUTCOME_UNKNOWN']);

function expectOnlyRetries(failed: readonly Done[]): void {
  expect(summary(failed.filter(({ codes }) => codes.some((code) => !RETRY.has(code))))).toEqual({});
  expect(summary(failed.filter(({ kind }) => kind === 'read'))).toEqual({});
}

async function rebalance(): Promise<void> {
  await root.unsafe(`select citus_rebalance_start(shard_transfer_mode => '${MODE}')`);
  for (;;) {
    const [job] = await root`select state::text as state, details from citus_rebalance_status()`;
    if (job?.['state'] === 'finished') return;
    if (/fail|error|cancel/.test(job?.['state']))
      throw new Error(`${job?.['state']}: ${JSON.stringify(job?.['details'])}`);
    await sleep(100);
  }
}

const allowShards = (isAllowed: boolean): Promise<unknown> =>
  root`select citus_set_node_property('127.0.0.1', ${worker.port}, 'shouldhaveshards', ${isAllowed})`;

test('isolating a tenant under load loses nothing, and the new shards have all policies, triggers and constraints', async () => {
  const [tenant] = moved as [Tenant, ...Tenant[]];
  const failed = await underLoad('isolate_tenant_to_new_shard', () =>
    root.unsafe(
      `select isolate_tenant_to_new_shard('organizations', '${id(tenant)}'::uuid, 'CASCADE', shard_transfer_mode => '${MODE}')`,
    ),
  );
  const [shard] = await root`
    select shardminvalue = shardmaxvalue as own from pg_dist_shard
    where shardid = get_shard_id_for_distribution_column('organizations', ${id(tenant)}::uuid)`;
  expect(shard).toEqual({ own: true });
  expectOnlyRetries(failed);
  expect(await differencesOfShards(root)).toEqual([]);
});

test('draining a worker under load loses nothing, and the moved shards have all policies, triggers and constraints', async () => {
  const before = await workerOf(root, id(moved[0] as Tenant));
  const failed = await underLoad('citus_rebalance_start', async () => {
    await allowShards(false);
    await rebalance();
  });
  expect(before).toBe(worker.port);
  expect(await workerOf(root, id(moved[0] as Tenant))).not.toBe(worker.port);
  expectOnlyRetries(failed);
  expect(await differencesOfShards(root)).toEqual([]);
});
