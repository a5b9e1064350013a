import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { examineConfiguration } from '../src/startup/doctor/configuration.ts';
import type { Json } from './support/api.ts';
import { readCompose, requiredVariables } from './support/compose.ts';

const FILE = 'compose.yaml';
const required = requiredVariables(FILE);

const VALUES: Record<string, string> = {
  ...Object.fromEntries([...required.keys()].map((name) => [name, `${name.toLowerCase()}-secret`])),
  DOMAIN: 'ambit.test',
  ENCRYPTION_KEY: 'ab'.repeat(32),
};
const { services, networks, volumes, configs } = readCompose(FILE, VALUES) as Record<string, Record<string, Json>>;
const names = Object.keys(services ?? {});
const own = names.filter((name) => services?.[name].image === 'ambit');
const service = (name: string): Json => services?.[name];

test('PostgreSQL, Redis, two nodes, a worker, a migration and a proxy are started', () => {
  expect(names.toSorted()).toEqual(['api-1', 'api-2', 'migrate', 'postgres', 'proxy', 'redis', 'worker']);
  expect(own.map((name) => [name, service(name).environment.ROLE ?? null, service(name).command ?? null])).toEqual([
    ['api-1', 'api', null],
    ['api-2', 'api', null],
    ['worker', 'worker', null],
    ['migrate', null, ['migrate']],
  ]);
  for (const name of ['api-1', 'api-2', 'worker'])
    expect(service(name).depends_on.migrate).toEqual({ condition: 'service_completed_successfully' });
  expect(service('migrate').depends_on.postgres).toEqual({ condition: 'service_healthy' });
});

test.each(names)('%s has a read-only file system, no capabilities, and cannot gain privileges', (name) => {
  expect(service(name)).toMatchObject({
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    restart: name === 'migrate' ? 'no' : 'unless-stopped',
    tmpfs: expect.arrayContaining(['/tmp']),
  });
  expect(service(name).cap_add ?? []).toEqual(name === 'proxy' ? ['NET_BIND_SERVICE'] : []);
  // Compose cannot copy the content of a config or a secret into a read-only file system. It can mount a file.
  for (const { source } of service(name).configs ?? [])
    expect(readFileSync(configs?.[source].file, 'utf8')).toBeTruthy();
  expect(service(name).secrets).toBeUndefined();
  for (const mounted of service(name).volumes ?? [])
    expect(Object.keys(volumes ?? {})).toContain(mounted.split(':')[0]);
});

test('only the proxy is reachable from outside, and only through it the nodes', () => {
  expect(names.filter((name) => service(name).ports)).toEqual(['proxy']);
  expect(networks?.['backend']).toEqual({ internal: true });
  for (const name of ['postgres', 'redis']) expect(service(name).networks).toEqual(['backend']);
  expect(Object.keys(service('proxy').networks)).toEqual(['frontend']);
  expect(service('proxy').environment.CADDYFILE).toContain('ambit.test {\n  reverse_proxy api-1:4000 api-2:4000 {');
  expect(service('proxy').command.at(-1)).toContain('\n$CADDYFILE\n');
});

test('every service that keeps running has a health check, its own or that of its image', () => {
  const image = readFileSync('Dockerfile', 'utf8');
  expect(image).toContain('\nHEALTHCHECK ');
  const unchecked = names.filter((name) => !own.includes(name) && !service(name).healthcheck?.test);
  expect(unchecked).toEqual([]);
  expect(own.filter((name) => service(name).healthcheck?.disable)).toEqual(['migrate']);
});

test('the configuration of each process is valid and needs no advice, and X-Forwarded-For is read from the proxy only', () => {
  const proxy = service('proxy').networks.frontend.ipv4_address;
  for (const name of own) {
    const { config, findings } = examineConfiguration(service(name).environment);
    expect(findings.map(({ status }) => status)).toEqual(['ok']);
    expect(config).toMatchObject({
      ...{ production: true, publicUrl: 'https://ambit.test', trustedProxies: [proxy] },
      role: service(name).environment.ROLE ?? 'all',
      databaseUrl: 'postgres://ambit_node:node_database_password-secret@postgres:5432/ambit',
    });
  }
  const withOwner = own.filter((name) => JSON.stringify(service(name)).includes('owner_database_password-secret'));
  expect(withOwner).toEqual(['migrate']);
});

test('a start without one of the secrets fails with a message, and the guide sets all of them', () => {
  expect([...required.keys()].toSorted()).toEqual([
    'DOMAIN',
    'ENCRYPTION_KEY',
    'NODE_DATABASE_PASSWORD',
    'OWNER_DATABASE_PASSWORD',
    'POSTGRES_PASSWORD',
    'REDIS_PASSWORD',
  ]);
  for (const [name, message] of required) {
    expect(message).toContain(`set ${name} to `);
    expect(() => readCompose(FILE, { ...VALUES, [name]: '' })).toThrow(message);
    expect(readFileSync('docs/deployment.md', 'utf8')).toContain(`\n${name}=`);
  }
});
