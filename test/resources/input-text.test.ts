import { describe, expect, test } from 'vitest';
import { mutate } from '../support/world.ts';
import { startInputs, titled, withValue } from './inputs.ts';

const { api, owner, good, fields, refusal } = await startInputs();

const texts = fields.filter(({ type }) => type.name === 'String');
const lines = texts.filter(({ name }) => ['name', 'slug', 'key'].includes(name));
const proses = texts.filter(({ name }) => ['description', 'notes'].includes(name));
const patterns = texts.filter(({ name }) => name === 'statements.0.permissions.0');
const addresses = texts.filter(({ name }) => name === 'emails.0');

test('every text is tried here', () => {
  expect(texts.filter((text) => ![lines, proses, patterns, addresses].flat().includes(text))).toEqual([]);
  expect([lines, proses, patterns, addresses].every(({ length }) => length > 0)).toBe(true);
});

describe.each(titled(lines))('the line %s', (_title, { mutation, name }) => {
  test.each([
    ['empty', '', 'TOO_SHORT'],
    ['blank', ' \t\u00a0 ', name === 'name' ? 'TOO_SHORT' : 'INVALID'],
    ['too long', 'x'.repeat(201), 'TOO_LONG'],
    ['as long as a request can be', 'x'.repeat(90_000), 'TOO_LONG'],
    ['with a NUL character', 'a\u0000b', 'INVALID'],
    ['with a line break', 'a\nb', 'INVALID'],
    ['with a line separator', 'a\u2028b', 'INVALID'],
    ['with an escape code', 'a\u001b[31mb', 'INVALID'],
    ['with a C1 control character', 'a\u009bb', 'INVALID'],
    ['with half a surrogate pair', 'a\ud800b', 'INVALID'],
    ['that is a number', 42, 'BAD_REQUEST'],
    ['that is a list', ['a', 'b'], 'BAD_REQUEST'],
    ['that is an object', { toString: 'a' }, 'BAD_REQUEST'],
  ])('is not taken %s', async (_what, value, code) => {
    expect(await refusal(mutation, name, value)).toContain(code);
  });
});

describe.each(titled(proses))('the text %s', (_title, { mutation, name }) => {
  const most = name === 'notes' ? 20_000 : 2000;
  test.each([
    ['too long', 'x'.repeat(most + 1), 'TOO_LONG'],
    ['with a NUL character', 'a\u0000b', 'INVALID'],
    ['with half a surrogate pair', 'a\udc00b', 'INVALID'],
    ['that is a boolean', true, 'BAD_REQUEST'],
  ])('is not taken %s', async (_what, value, code) => {
    expect(await refusal(mutation, name, value)).toEqual([code]);
  });
});

describe.each(titled(patterns))('the pattern %s', (_title, { mutation, name }) => {
  test.each([
    ['empty', '', 'INVALID'],
    ['of nothing', 'nothing:*', 'INVALID'],
    ['of a pair that is no row', 'rubric:create', 'INVALID'],
    ['in the plural', 'datasets:*', 'INVALID'],
    ['in camelCase', 'metricCollection:read', 'INVALID'],
    ['with a dot', 'dataset.read', 'INVALID'],
    ['with blanks', ' dataset:read ', 'INVALID'],
    ['with a part of a word', 'data*:read', 'INVALID'],
    ['that every object has', '__proto__', 'INVALID'],
    ['of the prototype', 'constructor:read', 'INVALID'],
    ['with a NUL character', 'dataset:\u0000', 'INVALID'],
    ['with half a surrogate pair', 'dataset:\ud800', 'INVALID'],
    ['too long', `dataset:${'x'.repeat(93)}`, 'TOO_LONG'],
    ['as long as a request can be', 'x'.repeat(90_000), 'TOO_LONG'],
    ['that is a number', 42, 'BAD_REQUEST'],
  ])('is not taken %s', async (_what, value, code) => {
    expect(await refusal(mutation, name, value)).toEqual([code]);
  });
});

describe.each(titled(addresses))('the address %s', (_title, { mutation, name }) => {
  test.each([
    ['empty', '', ['INVALID']],
    ['that is none', 'nobody', ['INVALID']],
    ['of two', 'a@b.test, c@d.test', ['INVALID']],
    ['with a line break', 'a@b.test\nBcc: c@d.test', ['INVALID']],
    ['with a NUL character', 'a\u0000@b.test', ['INVALID']],
    ['with half a surrogate pair', 'a\ud800@b.test', ['INVALID']],
    ['too long', `${'x'.repeat(250)}@b.test`, ['TOO_LONG']],
    ['that is a number', 42, ['BAD_REQUEST']],
  ])('is not taken %s', async (_what, value, codes) => {
    expect([...new Set(await refusal(mutation, name, value))]).toEqual(expect.arrayContaining(codes));
  });
});

// The last, because they write.
describe.each(titled([...lines, ...proses].filter(({ name }) => name !== 'slug' && name !== 'key')))(
  '%s keeps',
  (title, { mutation, name }) => {
    const object = mutation.slice(6, 7).toLowerCase() + mutation.slice(7);

    /** Sends the text, with a name and a slug that are not taken, and gives what is kept of it. */
    async function kept(text: string): Promise<unknown> {
      const unique = {
        name: crypto.randomUUID(),
        ...(mutation === 'createOrganization' && { slug: crypto.randomUUID() }),
        ...(mutation === 'createProject' && { key: crypto.randomUUID() }),
      };
      const input = withValue({ ...good[mutation], ...unique }, name, text);
      const { [object]: result, errors } = await mutate(owner, mutation, input, `${object} { ${name} }`);
      expect(errors).toEqual([]);
      return result[name];
    }

    test.each([
      ['emoji', '👩‍👩‍👧‍👦 🦊 🏳️‍🌈'],
      ['Hebrew', 'שלום עולם'],
      ['Arabic', 'مرحبا بالعالم'],
      ['Japanese', '日本語のテキスト'],
      ['combining marks', 'Z̷̧͗a̸l̴g̵o'],
      ['markup and quotes', `<script>alert("1")</script> 'a' \`b\` \\n %s {}; --`],
      ['a word that means something elsewhere', 'null'],
    ])('%s as written', async (_what, text) => {
      expect(await kept(`${text} in ${title}`)).toBe(`${text} in ${title}`);
    });
    if (name === 'name') return;

    test('line breaks, but not the blanks around it, and nothing of what is blank', async () => {
      expect(await kept(' a\n\n\tb\r\n ')).toBe('a\n\n\tb');
      expect(await kept(' \n ')).toBeNull();
      expect(api.logged).toEqual([]);
    });
  },
);
