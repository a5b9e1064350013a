import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema } from '../src/schema.ts';

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

/** The GraphQL blocks of a document, and the operations that its shell commands send with `ask`. */
const examplesOf = (path: string): { path: string; text: string }[] =>
  [
    ...[...textOf(path).matchAll(/^```graphql\n(.*?)^```$/gms)].map(([, text = '']) => text),
    ...[...textOf(path).matchAll(/(?<=^|\()ask '([^']+)'/gm)].map(([, text = '']) => text),
    ...[...textOf(path).matchAll(/^(?:ask |[A-Z]+=)"(mutation .*)"$/gm)].map(([, text = '']) =>
      text.replaceAll('\\"', '"').replaceAll(/\$[A-Z]+/g, 'id'),
    ),
  ].map((text) => ({ path, text }));

test('every GraphQL example in the documents is valid against the schema, and can be run as a whole', () => {
  const schema = buildSchema();
  const examples = DOCUMENTS.flatMap(examplesOf);
  expect(examples.filter(({ path }) => path === 'README.md').length).toBeGreaterThan(5);
  const several = examples.filter(({ text }) => parse(text).definitions.length !== 1);
  expect(several).toEqual([]);
  const wrong = examples.flatMap(({ path, text }) =>
    validate(schema, parse(text)).map((error) => `${path}: ${error.message}`),
  );
  expect(wrong).toEqual([]);
});
