import { globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { rateLimitPoints } from '../../src/lib/rate-limits.ts';
import { startApi } from '../support/api.ts';
import { has } from '../support/packages.ts';
import { createApiToken, createOrganization, executeMutation, PASSWORD } from '../support/world.ts';
import { expectNoViolations, onlyWhenOverloaded } from './judge.ts';
import { run } from './run.ts';
import { CLIENTS, size } from './sizes.ts';
import { createStage } from './stage.ts';

const HOUR = 3_600_000;
const ME = '{ viewer { organization { id } } }';

describe('when the clock of the server jumps', async () => {
  const api = await startApi({
    pool: 2,
    config: { rateLimits: rateLimitPoints({ signInPerAccountAndNetwork: 3, attemptsPerNetwork: 100_000 }) },
  });
  const organization = await createOrganization(api, 'clock');
  const lasting = await createApiToken(api, organization.owner, 'WRITE');

  test('credentials expire when the clock passes their expiry, and are valid again when it jumps back', async () => {
    const ending = await createApiToken(api, organization.owner, 'READ', new Date(Date.now() + HOUR));
    const callers = [organization.owner, ending, lasting];
    const statuses = (): Promise<number[]> =>
      Promise.all(callers.map(async (caller) => (await caller.query(ME)).status));
    expect(await statuses()).toEqual([200, 200, 200]);
    api.advance(2 * HOUR);
    expect(await statuses()).toEqual([401, 401, 200]);
    api.advance(-4 * HOUR);
    expect(await statuses()).toEqual([200, 200, 200]);
    api.advance(2 * HOUR);
    expect(await statuses()).toEqual([200, 200, 200]);
  });

  test('an account stays blocked when the clock jumps back', async () => {
    const signIn = async (): Promise<string | undefined> => {
      const query = `mutation ($input: SignInInput!) { signIn(input: $input) { errors { code } } }`;
      const { data, errors } = await api
        .as()
        .query(query, { input: { email: 'nobody@clock.test', password: PASSWORD } });
      return errors?.[0].extensions.code ?? data.signIn.errors[0]?.code;
    };
    const tries = [await signIn(), await signIn(), await signIn(), await signIn()];
    expect(tries).toEqual([...Array(3).fill('WRONG_CREDENTIALS'), 'RATE_LIMITED']);
    api.advance(-6 * HOUR);
    expect(await signIn()).toBe('RATE_LIMITED');
    api.advance(6 * HOUR);
  });

  test('running requests succeed when the clock jumps forwards or backwards', async () => {
    const create =
      'mutation ($name: String!) { createCategory(input: { name: $name }) { category { id } errors { code } } }';
    const asked = Array.from({ length: CLIENTS * 5 }, async (_, at) => {
      await sleep(at);
      return at % 3 > 0 ? await lasting.query(ME) : await executeMutation(lasting, create, { name: `jump ${at}` });
    });
    for (let jump = 0; jump < CLIENTS; jump += 1) {
      api.advance((jump % 4 < 2 ? 1 : -1) * 6 * HOUR);
      await sleep(5);
    }
    for (const answer of await Promise.all(asked)) expect(answer.errors ?? []).toEqual([]);
  });
});

describe.skipIf(!has('faketime'))('needs faketime: when the clock of the machine jumps', async () => {
  if (!has('faketime')) return;
  const folder = await mkdtemp(join(tmpdir(), 'ambit-clock-'));
  afterAll(() => rm(folder, { recursive: true }));
  const clock = join(folder, 'clock');
  await writeFile(clock, '+0');
  const [library = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    // Only the system time jumps, not the monotonic clock.
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  const wrapper = ['env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  const stage = await createStage({ pools: [10], env, wrapper });

  test('no request fails when the clocks of server and database jump', { timeout: 120_000 }, async () => {
    const outcomes = await run(stage, {
      name: '8 the clock jumps by hours, and back',
      rounds: size(1, 3),
      async inflict() {
        for (const offset of ['+5h', '-5h', '+0']) {
          await writeFile(clock, offset);
          await sleep(size(500, 1_500));
        }
      },
    });
    expectNoViolations(outcomes, { codes: onlyWhenOverloaded });
  });
});
