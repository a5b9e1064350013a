import { describe, expect, test } from 'vitest';
import { type InputPath, resultOf, valueAt, withValue } from '../support/introspect.ts';
import { sample } from '../support/sample.ts';
import { startInputs, titled } from './inputs.ts';

const { api, good, fields, refusal, send } = await startInputs();

const texts = fields.filter(({ type }) => type.name === 'String');
const patterns = texts.filter(({ name }) => /(^|\.)permissions\.0$/.test(name));
const networks = texts.filter(({ name }) => name === 'addresses.0');
const addresses = texts.filter(({ name }) => /^email(s\.0)?$/.test(name));
const others = texts.filter((text) => ![patterns, networks, addresses].flat().includes(text));
/** The valid input of a multi-line text has several lines. */
const multilineTexts = others.filter(({ mutation, name }) => valueAt(good[mutation], name).includes('\n'));
const singleLineTexts = others.filter((text) => !multilineTexts.includes(text));

/** Texts that are part of an address: lower-case letters, digits and hyphens. */
const isFormed = (name: string): boolean => /^(slug|key|alias)$|(^|\.)aliases\.0$/.test(name);

/** The limit that the description states. */
function longest({ description }: InputPath, otherwise: number): number {
  const [, limit] = /(?:at most|to) ([\d,]+) [^.]*characters/.exec(description) ?? [];
  return limit ? Number(limit.replaceAll(',', '')) : otherwise;
}

test('these tests cover every kind of text', () => {
  expect([singleLineTexts, multilineTexts, patterns, networks, addresses].every(({ length }) => length > 0)).toBe(true);
});

test('the description of every multi-line text states its maximum length', () => {
  expect(
    multilineTexts
      .filter((inputPath) => longest(inputPath, 0) === 0)
      .map(({ mutation, name }) => `${mutation}(${name})`),
  ).toEqual([]);
});

const CASES = 5;

describe.each(titled(singleLineTexts))('the single-line text %s', (title, inputPath) => {
  const { mutation, name } = inputPath;
  const cases: [what: string, value: unknown, code: string][] = [
    ['empty', '', 'TOO_SHORT'],
    ['blank', ' \t\u00a0 ', isFormed(name) ? 'INVALID' : 'TOO_SHORT'],
    ['too long', 'x'.repeat(longest(inputPath, 200) + 1), 'TOO_LONG'],
    ['as long as a request can be', 'x'.repeat(90_000), 'TOO_LONG'],
    ['with a NUL character', 'a\u0000b', 'INVALID'],
    ['with a line break', 'a\nb', 'INVALID'],
    ['with a line separator', 'a\u2028b', 'INVALID'],
    ['with an escape code', 'a\u001b[31mb', 'INVALID'],
    ['with a C1 control character', 'a\u009bb', 'INVALID'],
    ['with half a surrogate pair', 'a\ud800b', 'INVALID'],
    ['a number', 42, 'BAD_REQUEST'],
    ['a list', ['a', 'b'], 'BAD_REQUEST'],
    ['an object', { toString: 'a' }, 'BAD_REQUEST'],
  ];
  test.each(sample(cases, CASES, title))('is rejected: %s', async (_what, value, code) => {
    expect(await refusal(mutation, name, value)).toContain(code);
  });
});

describe.each(titled(multilineTexts))('the multi-line text %s', (title, inputPath) => {
  const { mutation, name } = inputPath;
  const cases: [what: string, value: unknown, code: string][] = [
    ['too long', 'x'.repeat(longest(inputPath, 2000) + 1), 'TOO_LONG'],
    ['with a NUL character', 'a\u0000b', 'INVALID'],
    ['with half a surrogate pair', 'a\udc00b', 'INVALID'],
    ['a boolean', true, 'BAD_REQUEST'],
  ];
  test.each(sample(cases, 2, title))('is rejected: %s', async (_what, value, code) => {
    expect(await refusal(mutation, name, value)).toEqual([code]);
  });
});

describe.each(titled(patterns))('the pattern %s', (_title, { mutation, name }) => {
  test.each([
    ['empty', '', 'INVALID'],
    ['with an unknown resource', 'nothing:*', 'INVALID'],
    ['with an unknown permission', 'rubric:create', 'INVALID'],
    ['in the plural', 'datasets:*', 'INVALID'],
    ['in camelCase', 'metricCollection:read', 'INVALID'],
    ['with a dot', 'dataset.read', 'INVALID'],
    ['with spaces', ' dataset:read ', 'INVALID'],
    ['with a part of a word', 'data*:read', 'INVALID'],
    ['a property of every object', '__proto__', 'INVALID'],
    ['with a property of the prototype', 'constructor:read', 'INVALID'],
    ['with a NUL character', 'dataset:\u0000', 'INVALID'],
    ['with half a surrogate pair', 'dataset:\ud800', 'INVALID'],
    ['too long', `dataset:${'x'.repeat(93)}`, 'TOO_LONG'],
    ['as long as a request can be', 'x'.repeat(90_000), 'TOO_LONG'],
    ['a number', 42, 'BAD_REQUEST'],
  ])('is rejected: %s', async (_what, value, code) => {
    expect(await refusal(mutation, name, value)).toEqual([code]);
  });
});

describe.each(titled(networks))('the network %s', (title, { mutation, name }) => {
  const cases: [what: string, value: unknown, code: string][] = [
    ['empty', '', 'INVALID'],
    ['not an address', 'localhost', 'INVALID'],
    ['with spaces', ' 10.0.0.0/8 ', 'INVALID'],
    ['with too many bits', '10.0.0.0/33', 'INVALID'],
    ['without bits', '10.0.0.0/', 'INVALID'],
    ['with a zone', 'fe80::1%eth0', 'INVALID'],
    ['with a NUL character', '10.0.0.0\u0000', 'INVALID'],
    ['as long as a request can be', '1'.repeat(90_000), 'TOO_LONG'],
    ['a number', 42, 'BAD_REQUEST'],
  ];
  test.each(sample(cases, CASES, title))('is rejected: %s', async (_what, value, code) => {
    expect(await refusal(mutation, name, value)).toEqual([code]);
  });
});

describe.each(titled(addresses))('the address %s', (_title, { mutation, name }) => {
  test.each([
    ['empty', '', ['INVALID']],
    ['not an address', 'nobody', ['INVALID']],
    ['two addresses', 'a@b.test, c@d.test', ['INVALID']],
    ['with a line break', 'a@b.test\nBcc: c@d.test', ['INVALID']],
    ['with a NUL character', 'a\u0000@b.test', ['INVALID']],
    ['with half a surrogate pair', 'a\ud800@b.test', ['INVALID']],
    ['too long', `${'x'.repeat(250)}@b.test`, ['TOO_LONG']],
    ['a number', 42, ['BAD_REQUEST']],
  ])('is rejected: %s', async (_what, value, codes) => {
    expect([...new Set(await refusal(mutation, name, value))]).toEqual(expect.arrayContaining(codes));
  });
});

// These tests are last, because they write.
describe.each(
  titled([...singleLineTexts, ...multilineTexts].filter(({ name }) => !isFormed(name) && !name.includes('.'))),
)('%s keeps', (title, inputPath) => {
  const { mutation, name } = inputPath;
  const object = resultOf(mutation);
  const formed = fields.filter((field) => field.mutation === mutation && isFormed(field.name));

  /** Sends the text with an unused name and slug, and returns the stored text. */
  async function kept(text: string): Promise<unknown> {
    const unique = ['name', ...(mutation.startsWith('create') ? formed.map((field) => field.name) : [])];
    const fresh = unique.reduce((known, field) => withValue(known, field, crypto.randomUUID()), good[mutation]);
    const input = withValue(fresh, name, text);
    const { [object]: result, errors } = await send(mutation, input, `${object} { ${name} }`);
    expect(errors).toEqual([]);
    return result[name];
  }

  const cases: [what: string, text: string][] = [
    ['emoji', '👩‍👩‍👧‍👦 🦊 🏳️‍🌈'],
    ['Hebrew', 'שלום עולם'],
    ['Arabic', 'مرحبا بالعالم'],
    ['Japanese', '日本語のテキスト'],
    ['combining marks', 'Z̷̧͗a̸l̴g̵o'],
    ['markup and quotes', `<script>alert("1")</script> 'a' \`b\` \\n %s {}; --`],
    ['the word null', 'null'],
  ];
  test.each(sample(cases, 2, title))('%s as written', async (_what, text) => {
    expect(await kept(`${text} in ${title}`)).toBe(`${text} in ${title}`);
  });
  if (singleLineTexts.includes(inputPath)) return;

  test('white space at both ends, line breaks and every other character as written', async () => {
    const text = '\u00a0    code\n\n\te\u0301 \ufeff\u200b\r\n ';
    expect(await kept(text)).toBe(text);
    expect(api.logged).toEqual([]);
  });

  test('no blank text, because null clears the field', async () => {
    const { errors } = await send(mutation, withValue(good[mutation], name, ' \n '));
    expect(errors).toEqual([{ code: 'TOO_SHORT', path: [name] }]);
  });
});
