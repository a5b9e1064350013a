import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers, freePort, type Server, stop } from '../harness/server.ts';
import { questionsAbout, type Rule } from './role.ts';

export const ROLE = 'custom';

const KINDS = [...new Set(questionsAbout(null).map(({ resource }) => resource))];

/**
 * One resource policy for each kind, with one rule for each rule of the role. Within a role, EFFECT_DENY overrides
 * EFFECT_ALLOW. Role policies are not used, because they cannot deny. Cerbos allows `*` as an action but not as a kind, so
 * a rule for all kinds is repeated in each policy. Duplicates of such rules are removed.
 */
const policyOf = (kind: string, rules: Rule[]): object => ({
  apiVersion: 'api.cerbos.dev/v1',
  resourcePolicy: {
    resource: kind,
    version: 'default',
    rules: rules.map(({ effect, action }) => ({ actions: [action], effect: `EFFECT_${effect}`, roles: [ROLE] })),
  },
});

function rulesOn(kind: string, rules: Rule[]): Rule[] {
  const general = new Map(rules.filter(({ resource }) => resource === '*').map((rule) => [JSON.stringify(rule), rule]));
  return [...general.values(), ...rules.filter(({ resource }) => resource === kind)];
}

/**
 * The configuration for production from its documentation. Policies are read from disk once and compiled in memory. Audit
 * log, telemetry, metrics and request logs are disabled. Cerbos uses all processors.
 */
const configuration = (directory: string, http: number, grpc: number): object => ({
  server: {
    httpListenAddr: `127.0.0.1:${http}`,
    grpcListenAddr: `127.0.0.1:${grpc}`,
    metricsEnabled: false,
    logRequestPayloads: false,
  },
  audit: { enabled: false },
  telemetry: { disabled: true },
  storage: { driver: 'disk', disk: { directory, watchForChanges: false } },
});

/** The package's launcher is not used, because it does not forward signals to the server. */
function binary(): string {
  const { resolve } = createRequire(import.meta.resolve('cerbos'));
  return resolve(`@cerbos/cerbos-${process.platform}-${process.arch}`);
}

/** Starts Cerbos with the rules of one role. */
export async function startCerbos(rules: Rule[]): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'ambit-bench-cerbos-'));
  const [http, grpc] = [await freePort(), await freePort()];
  const config = await writeFiles(folder, rules, http, grpc);
  // Not stderr, because Cerbos logs each connection that the load generator closes at the end of a round.
  const log = await open(join(folder, 'log'), 'w');
  const arguments_ = ['server', `--config=${config}`, '--log-level=error'];
  const child = spawn(binary(), arguments_, { stdio: ['ignore', log.fd, log.fd] });
  await log.close();
  await Promise.race([answers(`http://127.0.0.1:${http}/_cerbos/health`), failed(child, folder)]);
  const end = () => stop(child).then(() => rm(folder, { recursive: true }));
  return { url: `http://127.0.0.1:${http}/api/check/resources`, process: child, stop: end };
}

/** Writes policies and configuration as JSON, which is valid YAML. */
async function writeFiles(folder: string, rules: Rule[], http: number, grpc: number): Promise<string> {
  const policies = join(folder, 'policies');
  await mkdir(policies);
  for (const kind of KINDS)
    await writeFile(join(policies, `${kind}.json`), JSON.stringify(policyOf(kind, rulesOn(kind, rules))));
  const config = join(folder, 'config.yaml');
  await writeFile(config, JSON.stringify(configuration(policies, http, grpc)));
  return config;
}

const failed = (child: ChildProcess, folder: string): Promise<never> =>
  new Promise((_, fail) => {
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`cerbos exited with ${code}; see ${folder}/log`)));
  });
