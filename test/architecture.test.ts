import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const FILES = globSync(['src/**/*.ts', 'bench/*.ts', 'bench/{decisions,harness,peers,workloads}/*.ts']);

/** Relative imports of a file, type imports included. */
const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import) ?\(?'(\.{1,2}\/[^']+\.ts)'/g)].map(([, path]) =>
    join(dirname(file), path ?? ''),
  );

const GRAPH = new Map(FILES.map((file) => [file, importsOf(file)]));

/** From the bottom to the top. The name of a file decides its layer, so a folder of `resources` has several layers. */
const LAYERS: [name: string, contains: (file: string) => boolean][] = [
  ['lib and config', (file) => /^src\/(lib\/|config\/|config\.ts$)/.test(file)],
  ['db', (file) => file.startsWith('src/db/')],
  ['table', (file) => basename(file) === 'table.ts'],
  ['access', (file) => file.startsWith('src/access/')],
  ['identity', (file) => file.startsWith('src/identity/')],
  ['jobs', (file) => file.startsWith('src/jobs/')],
  ['context', (file) => file === 'src/context.ts'],
  ['data', (file) => file.startsWith('src/data/')],
  ['service', (file) => file.startsWith('src/resources/') && !isGraphql(file)],
  ['graphql', (file) => file.startsWith('src/graphql/')],
  ['graphql of resources', (file) => file.startsWith('src/resources/') && isGraphql(file)],
  ['schema and executor', (file) => file === 'src/schema.ts' || file.startsWith('src/executor/')],
  ['planner', (file) => file.startsWith('src/planner/')],
  ['http', (file) => file.startsWith('src/http/')],
  ['app', (file) => file === 'src/app.ts'],
  ['startup', (file) => file.startsWith('src/startup/')],
  ['main', (file) => file === 'src/main.ts'],
];

const isGraphql = (file: string): boolean => /^(.+-)?(graphql|resource|ref)\.ts$/.test(basename(file));

const layerOf = (file: string): number => LAYERS.findIndex(([, contains]) => contains(file));

test('every file of src has a layer', () => {
  expect(FILES.filter((file) => file.startsWith('src/') && layerOf(file) < 0)).toEqual([]);
});

test(`a file imports only from its own and lower layers, type imports included: ${LAYERS.map(([name]) => name)
  .reverse()
  .join(' > ')}`, () => {
  const wrong = FILES.filter((file) => file.startsWith('src/')).flatMap((file) =>
    importsOf(file)
      .filter((target) => layerOf(target) > layerOf(file))
      .map((target) => `${file} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('the executor imports no other code of src', () => {
  const outside = FILES.filter((file) => file.startsWith('src/executor/'))
    .flatMap(importsOf)
    .filter((target) => !target.startsWith('src/executor/'));
  expect(outside).toEqual([]);
});

/** The files of one import cycle. Null if there is none. */
function findCycle(graph: ReadonlyMap<string, string[]>): string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    path.push(file);
    for (const target of graph.get(file) ?? []) {
      const cycle = visit(target);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return null;
}

test('the import graph of src and bench has no cycle, type imports included', () => {
  expect(findCycle(GRAPH)).toBeNull();
  expect(findCycle(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]]))).toEqual(['b', 'c', 'b']); // biome-ignore format: one line
});

test('only the functions of context.ts change the unit of work', () => {
  const assignment = /\bunit\.\w+(\.\w+)? (\?\?)?= |\bunit\.\w+\.(push|set|delete|clear)\(/;
  const allowed = [
    'src/context.ts',
    // The permission cache and the loaders add their own entries.
    'src/graphql/permission-cache.ts',
    'src/data/loader.ts',
  ];
  const wrong = FILES.filter((file) => !allowed.includes(file) && assignment.test(readFileSync(file, 'utf8')));
  expect(wrong).toEqual([]);
});

test('code outside src/access checks permissions, never roles', () => {
  // The creator of an organization becomes Owner, a transfer sets Owner and Admin, and the demo has one user per role.
  const known = ['src/resources/member/service.ts', 'src/resources/organization/service.ts', 'src/startup/demo.ts'];
  const outside = FILES.filter(
    (file) => file.startsWith('src/') && !file.startsWith('src/access/') && !known.includes(file),
  );
  const roleName = /['"](owner|admin|manager)['"]|(===|!==|==|!=|role:) ?['"](write|user|read)['"]/;
  const namesRole = (file: string): boolean => roleName.test(readFileSync(file, 'utf8'));
  expect(outside.filter(namesRole)).toEqual([]);
  expect(known.filter((file) => !namesRole(file))).toEqual([]);
});
