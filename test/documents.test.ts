import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { type GraphQLInputType, Kind, type NamedTypeNode, parse, typeFromAST, validate } from 'graphql';
import { expect, test } from 'vitest';
import { createCost } from '../src/http/cost.ts';
import { LIMITS } from '../src/http/limits.ts';
import { buildSchema } from '../src/schema.ts';
import { arbitraryValue } from './enforcement/support.ts';

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'bench/README.md', ...globSync('docs/**/*.md')];

const textOf = (path: string): string => readFileSync(path, 'utf8');

/** The file and the heading of each link within the repository. */
const linksOf = (path: string): { file: string; heading: string | undefined }[] =>
  [...textOf(path).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(([, target = '', heading]) => ({
    file: target === '' ? path : normalize(join(dirname(path), target)),
    heading,
  }));

/** The anchors that GitHub generates for the headings of a document. */
const anchorsOf = (path: string): string[] =>
  [...textOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test('every link in the documents points to an existing file and heading', () => {
  const isBroken = ({ file, heading }: { file: string; heading: string | undefined }): boolean =>
    !existsSync(file) || (heading !== undefined && !anchorsOf(file).includes(heading));
  const broken = DOCUMENTS.flatMap((path) =>
    linksOf(path)
      .filter(isBroken)
      .map(({ file, heading }) => `${path} links to ${file}${heading ? `#${heading}` : ''}`),
  );
  expect(broken).toEqual([]);
});

test('the README links to every guide, and the architecture document links to every decision', () => {
  const linked = [...linksOf('README.md'), ...linksOf('docs/architecture.md')].map(({ file }) => file);
  expect(globSync('docs/**/*.{md,svg}').filter((path) => !linked.includes(path))).toEqual([]);
});

test('the README has at most 200 lines', () => {
  expect(textOf('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200);
});

const schema = buildSchema();
const examples = DOCUMENTS.flatMap((path) =>
  [...textOf(path).matchAll(/^```graphql\n(.*?)^```$/gms)].map(([, text = '']) => ({ path, text })),
);

test('every GraphQL example in the documents is valid against the schema', () => {
  expect(examples.length).toBeGreaterThan(5);
  const wrong = examples.flatMap(({ path, text }) =>
    validate(schema, parse(text)).map((error) => `${path}: ${error.message}`),
  );
  expect(wrong).toEqual([]);
});

/** The document that the playground shows first. */
const [, DEFAULT_QUERY = ''] = /DEFAULT_QUERY = `(.*?)`/s.exec(textOf('src/http/playground/browser/main.js')) ?? [];

test('every GraphQL example and the first document of the playground cost less than a tenth of the limit', () => {
  const costOf = createCost(schema);
  for (const text of [DEFAULT_QUERY, ...examples.map((example) => example.text)])
    for (const definition of parse(text).definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
      const variables = (definition.variableDefinitions ?? []).map(({ variable, type }) => [
        variable.name.value,
        arbitraryValue(typeFromAST(schema, type as NamedTypeNode) as GraphQLInputType),
      ]);
      const variableValues = Object.fromEntries(variables);
      const operationName = definition.name?.value;
      const { complexity } = costOf({ schema, document: parse(text), operationName, variableValues, contextValue: {} });
      expect([text, complexity < LIMITS.cost / 10]).toEqual([text, true]);
    }
});
