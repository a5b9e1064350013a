import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

/** Imports point to the right only. What stands beside the folders is shared by all of them. */
const LAYERS = ['http', 'identity', 'access', 'resources', 'db'];

const FILES = globSync('src/**/*.ts');

const layerOf = (file: string): number => LAYERS.indexOf(relative('src', file).split('/')[0] ?? '');

/** What a file imports of this project at run time: types leave nothing behind. */
function importsOf(file: string): string[] {
  const statements = readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (?!type )(?:[^'";]*? from )?'(\.[^']+)'/gm,
  );
  return [...statements].map(([, path]) => join(dirname(file), path ?? ''));
}

test('imports point to the right: http → identity → access → resources → db', () => {
  const wrong = FILES.flatMap((file) =>
    importsOf(file)
      .filter((target) => layerOf(file) >= 0 && layerOf(target) >= 0 && layerOf(target) < layerOf(file))
      .map((target) => `${file} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('the database layer knows nothing of a request', () => {
  const shared = ['src/errors.ts', 'src/ids.ts', 'src/config.ts'];
  const wrong = FILES.filter((file) => layerOf(file) === LAYERS.indexOf('db')).flatMap((file) =>
    importsOf(file).filter((target) => layerOf(target) < 0 && !shared.includes(target)),
  );
  expect(wrong).toEqual([]);
});

test('who somebody is, is asked in the access folder alone; everywhere else: may they do this?', () => {
  // The last-Owner rule is about an Owner being there, and the founder becomes one.
  const known = ['src/resources/member/service.ts', 'src/resources/organization/service.ts', 'src/identity/service.ts'];
  const outside = FILES.filter(
    (file) => !file.startsWith('src/access/') && !known.includes(file) && file !== 'src/demo.ts',
  );
  const roleName = /(===|!==|==|!=|role:) ?'(owner|admin|write|user|read)'/;
  expect(outside.filter((file) => roleName.test(readFileSync(file, 'utf8')))).toEqual([]);
});

test('a file of a resource says by its name which layer it is', () => {
  const layers = ['table.ts', 'service.ts', 'graphql.ts'];
  // A type that others refer to before it is described, and what several resources share of one.
  const shared = [
    'ref.ts',
    'principal/change.ts',
    'principal/mutation.ts',
    'api-token/secret.ts',
    'invitation/mail.ts',
  ];
  const odd = globSync('src/resources/*/*.ts').filter(
    (file) => ![...layers, ...shared].some((name) => file.endsWith(`/${name}`)),
  );
  expect(odd).toEqual([]);
});
