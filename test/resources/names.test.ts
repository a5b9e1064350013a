import { expect, test } from 'vitest';
import { allow, createPolicy } from '../decisions/support.ts';
import { startApi } from '../support/api.ts';
import { createOrganization, mutate } from '../support/world.ts';

const api = await startApi({ pool: 2 });
const { owner } = await createOrganization(api, 'acme');
const policyIds = [await createPolicy(owner, [allow('check:read')])];

const createRole = (name: string) => mutate(owner, 'createRole', { name, policyIds });
const createCategory = (name: string) => mutate(owner, 'createCategory', { name });
const refused = (code: string) => ({ errors: [{ code, path: ['name'] }] });

test.each([
  ['a Cyrillic letter', '\u041ewner'],
  ['a Greek letter', '\u039fwner'],
  ['a full-width letter', '\uff2fwner'],
  ['a digit', '0wner'],
  ['a small L for a capital I', 'ADMlN'],
  ['letters that look like one', 'Adrnin'],
  ['an accent', 'A\u0331dmin'],
])('a role cannot have a name that looks like a built-in one: %s', async (_what, name) => {
  expect(await createRole(name)).toEqual(refused('TAKEN'));
});

test('a role can have a name that only resembles a built-in one', async () => {
  for (const name of ['Owners', 'Réader', 'Админ']) expect(await createRole(name)).toEqual({ errors: [] });
});

test.each([
  ['a combining grapheme joiner', 'Ow\u034fner'],
  ['a variation selector after a letter', 'Admin\ufe0f'],
  ['a zero-width joiner at the end', 'Owner\u200d'],
  ['a zero-width joiner alone', '\u200d'],
  ['a zero-width space', 'Ow\u200bner'],
  ['a Mongolian variation selector', 'Ow\u180bner'],
  ['a Hangul filler', '\u3164'],
  ['tags', 'Owner\u{e0020}'],
  ['tags alone', '\u{e0041}\u{e0042}'],
  ['an override of the direction', 'abc\u202edef'],
  ['a mark of the direction', 'abc\u200f'],
  ['an isolate of the direction', 'abc\u2066def'],
  ['an empty Braille cell alone', '\u2800'],
  ['combining marks alone', '\u0301\u0302'],
])('no name has invisible characters, or nothing visible: %s', async (_what, name) => {
  expect(await createRole(name)).toEqual(refused('INVALID'));
  expect(await createCategory(name)).toEqual(refused('INVALID'));
});

test.each([
  ['a family and a flag in emoji', '👩‍👩‍👧‍👦 🏳️‍🌈 1️⃣ 👍🏽'],
  ['a Persian word with a non-joiner', 'می\u200cخواهم'],
  ['a Hindi word with a joiner', 'क्\u200dष'],
  ['a Japanese name with a variant', '葛\u{e0100}飾'],
  ['accents', 'Žluťoučký kůň'],
])('a name keeps invisible characters that belong to it: %s', async (_what, name) => {
  expect(await createCategory(name)).toEqual({ errors: [] });
});
