import { describe, expect, test } from 'vitest';
import { matchingPermissions, validatePattern } from '../../src/access/pattern.ts';
import { SPECIFICATION } from './specification.ts';

const NAMES = SPECIFICATION.map((row) => row.name);

describe('a pattern', () => {
  test('`resource:*` is everything that can be done to it', () => {
    expect(matchingPermissions('dataset:*').toSorted()).toEqual(
      ['dataset:create', 'dataset:delete', 'dataset:evaluate', 'dataset:read', 'dataset:update'].sort(),
    );
  });

  test('`resource:*` is about that resource, not about those whose names begin alike', () => {
    expect(matchingPermissions('metric:*').filter((name) => name.startsWith('metric_collection'))).toEqual([]);
    expect(matchingPermissions('project:*').filter((name) => name.startsWith('project_member'))).toEqual([]);
  });

  test('`*:action` is doing it to everything', () => {
    expect(matchingPermissions('*:read')).toEqual(NAMES.filter((name) => name.endsWith(':read')));
    expect(matchingPermissions('*:assign')).toEqual(NAMES.filter((name) => name.endsWith(':assign')));
  });

  test.each(['*', '*:*'])('%j is everything', (pattern) => {
    expect(validatePattern(pattern)).toBeNull();
    expect(matchingPermissions(pattern)).toEqual(NAMES);
  });

  test('each row of the catalog is one that matches itself alone', () => {
    for (const name of NAMES) {
      expect(validatePattern(name)).toBeNull();
      expect(matchingPermissions(name)).toEqual([name]);
    }
  });

  test.each([...new Set(NAMES.flatMap((name) => [name.replace(/:.*/, ':*'), name.replace(/.*:/, '*:')]))])(
    '%s is valid',
    (pattern) => {
      expect(validatePattern(pattern)).toBeNull();
    },
  );
});

describe('refused with the canonical spelling:', () => {
  test.each([
    ['traces:read', 'trace:read'],
    ['policies:*', 'policy:*'],
    ['categories:read', 'category:read'],
    ['test_cases:create', 'test_case:create'],
    ['metricCollection:read', 'metric_collection:read'],
    ['metricCollections:read', 'metric_collection:read'],
    ['apiToken:grantWrite', 'api_token:grant_write'],
    ['AnnotationQueue:assign', 'annotation_queue:assign'],
    ['trace.read', 'trace:read'],
    ['metricCollection.evaluate', 'metric_collection:evaluate'],
    ['trace/read', 'trace:read'],
    ['test-run:read', 'test_run:read'],
    ['DATASET:READ', 'dataset:read'],
    ['Dataset:*', 'dataset:*'],
    [' dataset:read', 'dataset:read'],
    ['dataset:read\n', 'dataset:read'],
    ['* ', '*'],
  ])('%j is %s', (pattern, canonical) => {
    expect(validatePattern(pattern)).toBe(`${JSON.stringify(pattern)} is spelled ${canonical}.`);
  });

  test('whatever the resource, in the plural, in camelCase and with a dot', () => {
    for (const name of NAMES) {
      const [resource = '', action = ''] = name.split(':');
      const camel = (text: string) => text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const plural = resource.endsWith('y') ? `${resource.slice(0, -1)}ies` : `${resource}s`;
      for (const other of [`${plural}:${action}`, `${camel(plural)}:${camel(action)}`, `${camel(resource)}.${action}`])
        expect(validatePattern(other)).toBe(`${JSON.stringify(other)} is spelled ${name}.`);
    }
  });
});

describe('refused with the nearest names:', () => {
  test('a wrong action for all resources, with other actions for all resources', () => {
    expect(validatePattern('*:approve')).toMatch(
      /^"\*:approve" matches no permission; did you mean \*:[a-z_]+, \*:[a-z_]+, \*:[a-z_]+\?$/,
    );
    expect(validatePattern('*:raed')).toContain('did you mean *:read, ');
  });

  test.each([
    ['rubric:create', ['rubric:read', 'rubric:update']],
    ['annotation_queue:evaluate', matchingPermissions('annotation_queue:*')],
    ['dataset:write', matchingPermissions('dataset:*')],
    ['dataset', matchingPermissions('dataset:*')],
    ['datasets', matchingPermissions('dataset:*')],
    ['dataset:', matchingPermissions('dataset:*')],
    ['dataset:re*', matchingPermissions('dataset:*')],
    ['dataset:**', matchingPermissions('dataset:*')],
  ])('%j is no row, and these are the rows of its resource', (pattern, names) => {
    expect(validatePattern(pattern)).toBe(
      `${JSON.stringify(pattern)} matches no permission; did you mean ${names.join(', ')}?`,
    );
  });

  test.each([
    ['datset:read', 'dataset:read'],
    ['promt:update', 'prompt:update'],
    ['data*:read', 'dataset:read'],
    ['dаtaset:read', 'dataset:read'], // with a Cyrillic а
    ['ｄataset:read', 'dataset:read'], // with a full-width d
    ['trace\u200b:read', 'trace:read'],
  ])('%j is nearest to %s', (pattern, nearest) => {
    const complaint = validatePattern(pattern);
    expect(complaint).toContain(`${JSON.stringify(pattern)} matches no permission; did you mean `);
    expect(complaint).toContain(`did you mean ${nearest}, `);
  });

  const INVALID = [
    '',
    ' ',
    ':',
    '::',
    '*:',
    ':*',
    ':read',
    '**',
    '*:*:*',
    '*:read:*',
    '*read',
    'dataset:*:all',
    'dataset:read:all',
    'dataset:read,trace:read',
    'dataset:(read|update)',
    '.*',
    '.*:read',
    '%',
    '_:read',
    '*:_',
    '*:write',
    '*:grant',
    'nothing:*',
    'nothing:read',
    '__proto__',
    '__proto__:*',
    'constructor',
    'constructor:read',
    'toString:read',
    'dataset:constructor',
    'dataset:__proto__',
    'dataset\u0000:read',
    '数据:read',
    '😀:😀',
    'a'.repeat(100_000),
    `dataset:${'_a'.repeat(50_000)}`,
    '*'.repeat(100_000),
    ':'.repeat(100_000),
  ];

  test.each(INVALID.map((pattern) => [pattern.slice(0, 40), pattern]))(
    '%j is invalid, and whatever is proposed is valid',
    (_, pattern = '') => {
      const complaint = validatePattern(pattern);
      const proposed = complaint?.slice(JSON.stringify(pattern).length).match(/[a-z_*]+:[a-z_]+/g) ?? [];
      expect(proposed.length).toBeGreaterThan(0);
      expect(proposed.filter((name) => matchingPermissions(name).length === 0)).toEqual([]);
      expect(matchingPermissions(pattern)).toEqual([]);
    },
  );

  // Comparing names takes time in proportion to the characters that are compared.
  test.each([
    [100, `${'z'.repeat(95)}:read`, 'x'],
    [40, `promt:update${'d'.repeat(28)}`, '_annotation_queue:evaluate'.repeat(4_000)],
  ])('a long pattern gets the suggestions for its first %i characters', (length, start, rest) => {
    const suggestionsFor = (pattern: string) => validatePattern(pattern)?.replace(JSON.stringify(pattern), '');
    expect(start).toHaveLength(length);
    expect(suggestionsFor(start + rest)).toBe(suggestionsFor(start));
  });
});
