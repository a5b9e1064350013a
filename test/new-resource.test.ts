import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, expect, inject, test } from 'vitest';
import { long } from './support/size.ts';

/** Follows the steps of CONTRIBUTING.md, "Add a resource", in a copy of the project. */
const copy = mkdtempSync(join(tmpdir(), 'ambit-'));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const COPIED = ['src', 'test', 'migrations', 'docs', 'bench', 'README.md', 'CONTRIBUTING.md', 'schema.graphql'];
const SETTINGS = ['package.json', 'tsconfig.json', 'biome.json', 'drizzle.config.ts', 'vitest.config.ts'];
for (const path of [...COPIED, ...SETTINGS])
  cpSync(path, join(copy, path), { recursive: true, filter: (source) => !source.includes('node_modules') });
symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));

const edit = (path: string, change: (text: string) => string): void => {
  const file = join(copy, path);
  const before = readFileSync(file, 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`${path} has changed: adapt this test`);
  writeFileSync(file, after);
};
const add = (path: string, text: string): void => {
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  writeFileSync(join(copy, path), text);
};

/** Runs a command in the copy. Its output is part of the error if it fails. */
function run(command: string, ...args: string[]): string {
  try {
    const env = { ...process.env, AMBIT_TEST_SERVER: inject('server'), AMBIT_TEST_LONG: '', CI: '' };
    return execFileSync(join('node_modules/.bin', command), args, { cwd: copy, env, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  }
}

add(
  'src/resources/runbook/table.ts',
  `import { sql } from 'drizzle-orm';
import {
  boolean,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { createdAt, instant } from '../../db/columns.ts';
import { categories } from '../category/table.ts';
import { tenantTable } from '../organization/table.ts';

export const runbooks = tenantTable(
  'runbooks',
  {
    name: text('name').notNull(),
    alias: text('alias'),
    summary: text('summary'),
    steps: text('steps'),
    index: integer('index').notNull(),
    priority: integer('priority').notNull(),
    weight: doublePrecision('weight').notNull(),
    draft: boolean('draft').notNull(),
    dueAt: instant('due_at'),
    tags: text('tags').array().notNull(),
    settings: jsonb('settings').$type<{ pager: boolean }>().notNull(),
    categoryId: uuid('category_id').notNull(),
    parentId: uuid('parent_id'),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex('runbooks_name').on(t.organizationId, sql\`lower(\${t.name})\`),
    uniqueIndex('runbooks_alias').on(t.organizationId, t.alias),
    unique('runbooks_index').on(t.organizationId, t.index),
    index('runbooks_by_priority').on(t.organizationId, t.priority, t.id),
    index('runbooks_by_category').on(t.organizationId, t.categoryId),
    index('runbooks_by_parent').on(t.organizationId, t.parentId),
    foreignKey({
      name: 'runbooks_category',
      columns: [t.organizationId, t.categoryId],
      foreignColumns: [categories.organizationId, categories.id],
    }),
    foreignKey({ name: 'runbooks_parent', columns: [t.organizationId, t.parentId], foreignColumns: [t.organizationId, t.id] }),
  ],
);
`,
);
add(
  'src/resources/runbook/resource.ts',
  `import { z } from 'zod';
import {
  alias,
  boolean,
  dateTime,
  decimal,
  denseIndex,
  integer,
  json,
  lines,
  multiLine,
  optionalLine,
  optionalRef,
  ref,
  singleLine,
} from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { Category } from '../category/resource.ts';
import { runbooks } from './table.ts';

export const Runbook = resource('Runbook', {
  table: runbooks,
  id: 'run',
  permission: 'runbook',
  plural: 'runbooks',
  description: 'Steps to follow in an incident.',
  attributes: {
    name: singleLine(100, 'The name of the runbook', { unique: true }),
    alias: alias('The short name of the runbook'),
    summary: optionalLine(200, 'The runbook in one line'),
    steps: multiLine(20_000, 'The steps, as Markdown'),
    index: denseIndex('The position of the runbook'),
    priority: integer({ min: 1, max: 5 }, 'How urgent the runbook is'),
    weight: decimal({ min: 0, max: 1 }, 'How much the runbook counts'),
    draft: boolean('Whether the runbook is a draft', true),
    dueAt: dateTime('When the runbook must be reviewed'),
    tags: lines({ items: 5, characters: 20 }, 'Words to find the runbook by'),
    settings: json(z.object({ pager: z.boolean() }), 'Settings of the runbook'),
    categoryId: ref(Category, 'The category of the runbook'),
    parentId: optionalRef('self', 'The runbook that this runbook is a part of', { reverse: 'parts' }),
  },
  filter: { categoryId: true, draft: true, priority: true, search: ['name', 'summary'], createdAt: 'range' },
  order: ['index', 'priority', 'createdAt'],
});
`,
);
edit('src/access/catalog.ts', (text) =>
  text.replace(
    "  ['tier:read',",
    `  ['runbook:read', 'organization', 'read', null, 'See the runbooks'],
  ['runbook:create', 'organization', 'admin', null, 'Create a runbook'],
  ['runbook:update', 'organization', 'admin', null, 'Update a runbook'],
  ['runbook:delete', 'organization', 'admin', null, 'Delete a runbook'],
  ['tier:read',`,
  ),
);
edit('test/golden/permissions.tsv', (text) =>
  text.replace(
    'tier:read\t',
    `runbook:read\torganization\tread\t-\tSee the runbooks
runbook:create\torganization\tadmin\t-\tCreate a runbook
runbook:update\torganization\tadmin\t-\tUpdate a runbook
runbook:delete\torganization\tadmin\t-\tDelete a runbook
tier:read\t`,
  ),
);
edit('src/schema.ts', (text) =>
  text.replace("import './resources/rubric/", "import './resources/runbook/resource.ts';\nimport './resources/rubric/"),
);

add(
  'test/runbook.test.ts',
  `import { expect, test } from 'vitest';
import { startApi } from './support/api.ts';
import { createOrganization, membersOfEachRole, mutate, queryData } from './support/world.ts';

const api = await startApi();
const { admin, read } = await membersOfEachRole(api, await createOrganization(api, 'acme'));
const FIELDS = \`runbook { name alias summary steps index priority weight draft dueAt tags settings category { alias }
  parent { name } parts { nodes { name } } }\`;
const REQUIRED = { priority: 2, weight: 0.5, settings: { pager: true }, category: { alias: 'security' } };
const EMPTY = { alias: null, summary: null, steps: null, dueAt: null, parent: null, parts: { nodes: [] } };

test('every kind of attribute is written, read, changed and cleared', async () => {
  const first = { name: 'Restart', ...REQUIRED };
  expect(await mutate(admin, 'createRunbook', first, FIELDS)).toEqual({
    runbook: { ...EMPTY, ...first, index: 0, draft: true, tags: [] },
    errors: [],
  });
  const all = {
    ...{ name: 'Fail over', alias: 'fail-over', summary: 'To the other zone', steps: '1. Call\\n2. Switch' },
    ...{ index: 0, priority: 5, weight: 1, draft: false, dueAt: '2030-01-01T00:00:00.000Z', tags: ['db', 'zone'] },
    ...{ settings: { pager: false }, category: { alias: 'ownership' } },
  };
  const { parent, ...given } = { ...all, parent: null };
  const { runbooks } = await queryData(admin, '{ runbooks { nodes { id } } }');
  const full = await mutate(admin, 'createRunbook', { ...given, parentId: undefined, parent: { id: runbooks.nodes[0].id } }, FIELDS);
  expect(full).toEqual({ runbook: { ...all, parent: { name: 'Restart' }, parts: { nodes: [] } }, errors: [] });
  const cleared = { alias: null, summary: null, steps: null, dueAt: null, parent: null };
  const target = { runbook: { alias: 'fail-over' } };
  expect(await mutate(admin, 'updateRunbook', { ...target, ...cleared }, FIELDS)).toEqual({
    runbook: { ...all, ...EMPTY },
    errors: [],
  });
});

test('a list is replaced, or edited by adding and removing', async () => {
  await mutate(admin, 'createRunbook', { name: 'Tagged', alias: 'tagged', tags: ['a', 'a', 'b'], ...REQUIRED });
  const runbook = { alias: 'tagged' };
  const tags = async (input: object) => mutate(admin, 'updateRunbook', { runbook, ...input }, 'runbook { tags }');
  expect(await tags({ addTags: ['c', 'b'], removeTags: ['a', 'z'] })).toEqual({ runbook: { tags: ['b', 'c'] }, errors: [] });
  expect(await tags({ tags: ['d'] })).toEqual({ runbook: { tags: ['d'] }, errors: [] });
  expect(await tags({ tags: [], addTags: ['e'] })).toMatchObject({ errors: [{ code: 'INVALID', path: ['tags'] }] });
  expect(await tags({ addTags: ['1', '2', '3', '4', '5'] })).toMatchObject({ errors: [{ code: 'TOO_LONG' }] });
  expect(await tags({ addTags: [''] })).toMatchObject({ errors: [{ code: 'TOO_SHORT' }] });
});

test.each([
  ['an empty name', { name: '' }, 'name'],
  ['an empty summary', { summary: ' ' }, 'summary'],
  ['empty steps', { steps: '' }, 'steps'],
  ['a priority outside its range', { priority: 6 }, 'priority'],
  ['a weight outside its range', { weight: -0.1 }, 'weight'],
  ['other settings', { settings: { pager: 'yes' } }, 'settings'],
  ['a long tag', { tags: ['x'.repeat(21)] }, 'tags'],
  ['an unknown alias of a category', { category: { alias: 'nothing' } }, 'category'],
  ['a parent of another type', { parent: { id: 'cat_01h455vb4pex5vsknk084sn02q' } }, 'parent'],
])('%s is reported with its path', async (_what, wrong, path) => {
  const { errors } = await mutate(admin, 'createRunbook', { name: 'Wrong', ...REQUIRED, ...wrong });
  expect(errors.map((error: { path: string[] }) => error.path[0])).toEqual([path]);
});

test('the list is filtered, searched and ordered', async () => {
  const names = async (args: string) =>
    (await queryData(read, \`{ runbooks\${args} { nodes { name } } }\`)).runbooks.nodes.map(({ name }: { name: string }) => name);
  expect(await names('(filter: { category: { alias: "ownership" } })')).toEqual(['Fail over']);
  expect(await names('(filter: { draft: true, search: "TAG" })')).toEqual(['Tagged']);
  expect(await names('(orderBy: { field: PRIORITY, direction: DESC })')).toEqual(['Fail over', 'Tagged', 'Restart']);
  expect(await names('(orderBy: { field: CREATED_AT })')).toEqual(['Restart', 'Fail over', 'Tagged']);
});

test('an object with references of its own type or another type cannot be deleted', async () => {
  const { runbooks } = await queryData(admin, '{ runbooks { nodes { id name } } }');
  const parent = runbooks.nodes.find(({ name }: { name: string }) => name === 'Restart');
  await mutate(admin, 'createRunbook', { name: 'Part', parent: { id: parent.id }, ...REQUIRED });
  const part = { name: 'Part', parent: { id: parent.id } };
  const { node } = await queryData(admin, \`{ node(id: "\${parent.id}") { ... on Runbook { parts { nodes { name parent { id } } } } } }\`);
  expect(node).toEqual({ parts: { nodes: [part] } });
  const used = { errors: [{ code: 'IN_USE' }] };
  expect(await mutate(admin, 'deleteRunbook', { runbook: { id: parent.id } })).toMatchObject(used);
  expect(await mutate(admin, 'deleteCategory', { category: { alias: 'security' } })).toMatchObject(used);
  const { runbook } = await mutate(admin, 'createRunbook', { name: 'Own', ...REQUIRED }, 'runbook { id }');
  await mutate(admin, 'updateRunbook', { runbook, parent: runbook });
  expect(await mutate(admin, 'deleteRunbook', { runbook })).toEqual({ errors: [] });
});
`,
);

edit('test/support/resources.ts', (text) =>
  text.replace(
    '  Rubric: {',
    `  Runbook: {
    create: async ({ unique, one, owner }) => ({
      ...{ name: unique('Runbook'), alias: unique('runbook').toLowerCase(), summary: 'One.', steps: 'One.\\nTwo.' },
      ...{ index: 0, priority: 1, weight: 0.5, draft: false, dueAt: DISTANT, tags: ['a'], settings: { pager: true } },
      ...{ categoryId: await one('Category') },
      parentId: (await queryData(owner, '{ runbooks(last: 1) { nodes { id } } }')).runbooks.nodes[0]?.id ?? null,
    }),
    updates: async ({ unique, one, make }) => [
      {
        ...{ name: unique('Book'), alias: unique('book').toLowerCase(), summary: 'Two.', steps: 'Two.\\nThree.' },
        ...{ index: 0, priority: 2, weight: 0.1, draft: true, dueAt: '2998-01-01T00:00:00.000Z', tags: ['b'], settings: { pager: false } },
        ...{ categoryId: await one('Category'), parentId: await make('Runbook') },
      },
      {
        ...{ name: unique('Page'), alias: unique('page').toLowerCase(), summary: 'Three.', steps: 'Three.' },
        ...{ index: 1, priority: 3, weight: 0.2, draft: false, dueAt: '2997-01-01T00:00:00.000Z', tags: ['c'], settings: { pager: true } },
        ...{ categoryId: await make('Category'), parentId: await make('Runbook') },
      },
    ],
    rows: async ({ api, insert, refer }) => {
      const categories = await refer('Category');
      const rest = { priority: 1, weight: 0, draft: false, tags: '{}', settings: { pager: true } };
      const ids = await insert('runbooks', (at) => ({ name: \`Runbook \${at}\`, index: at + 100, category_id: categories[at], ...rest }));
      await api.root\`
        update runbooks r set parent_id = (select max(p.id::text)::uuid from runbooks p
          where p.organization_id = r.organization_id and p.id < r.id) where name like 'Runbook %'\`;
      return ids;
    },
  },
  Rubric: {`,
  ),
);

const before = readdirSync(join(copy, 'migrations'));
run('drizzle-kit', 'generate', '--name', 'runbooks');
run('node', 'test/support/generate.ts');

test('the generated migration creates and protects the table', () => {
  const [name, ...more] = readdirSync(join(copy, 'migrations')).filter((file) => !before.includes(file));
  expect(more).toEqual([]);
  const migration = readFileSync(join(copy, 'migrations', name ?? ''), 'utf8');
  // In a cluster, the call distributes the table. Foreign keys from a local table to a distributed one are refused.
  expect(migration).toMatch(
    /^CREATE TABLE "runbooks" \([^;]+\);\n--> statement-breakpoint\nCALL ambit\.protect\('runbooks'\);\n?--> statement-breakpoint\n[\s\S]+ FOREIGN KEY /,
  );
  expect(migration.match(/CALL/g)).toHaveLength(1);
});

test('the schema has the type, the getter, the list, the reverse lists and the mutations', () => {
  const schema = readFileSync(join(copy, 'schema.graphql'), 'utf8');
  for (const part of ['type Runbook implements Node', '  runbook(', '  runbooks(', '  parts(', 'input RunbookFilter'])
    expect(schema).toContain(part);
  for (const mutation of ['createRunbook', 'updateRunbook', 'deleteRunbook'])
    expect(schema).toContain(`  ${mutation}(`);
});

/** The whole project, or in the short form what the new files import, on one thread: the rest takes most of the time. */
const CHECKED = long ? [] : ['-p', 'tsconfig.part.json', '--singleThreaded'];
const PART = ['src/schema.ts', 'test/runbook.test.ts', 'test/support/resources.ts', 'test/support/global-setup.ts'];
add('tsconfig.part.json', JSON.stringify({ extends: './tsconfig.json', include: PART }));

test('the code passes the type check', () => {
  run('tsc', ...CHECKED);
});

test('the generated tests pass without other changes', () => {
  const generated = [
    'sweep',
    ...['input', 'input-text', 'nullable-updates', 'in-use'].map((name) => `resources/${name}`),
  ];
  const files = ['runbook', 'access/catalog', 'resources/registry', ...(long ? ['drift', ...generated] : [])];
  run('vitest', 'run', ...files.map((name) => `test/${name}.test.ts`));
});
