import fc from 'fast-check';
import { expect, test } from 'vitest';
import { size } from '../support/size.ts';
import { documentIn, type Shown } from './compare.ts';
import { documentOf, OPERATIONS } from './documents.ts';
import { diceOf } from './random.ts';
import { quiet, syntheticSchema, type World, worldOf } from './synthetic.ts';

const schema = syntheticSchema();
const lenient = syntheticSchema({ lenient: true });

const variables = fc.record(
  {
    a: fc.boolean(),
    b: fc.boolean(),
    c: fc.constantFrom(true, false),
    maybe: fc.constantFrom(true, false, null),
    s: fc.constantFrom('x', '', null, 7),
    n: fc.constantFrom(true, false, null),
    e: fc.constantFrom('MEOW', 'WOOF', null, 'MOO'),
    in: fc.constantFrom({}, { inner: { size: 1 } }, null, { size: null }),
  },
  { requiredKeys: ['a', 'b'] },
);

const calls = fc.array(fc.tuple(fc.constantFrom(...OPERATIONS, undefined, 'Nobody'), variables), {
  minLength: 3,
  maxLength: 8,
});

interface Odds {
  /** One in so many comes later; 0 for none. */
  promises: number;
  /** One in so many goes wrong. */
  trouble: number;
}

type Answers = Record<'own' | 'usual' | 'every', Shown> & Record<'asked', [own: string[], usual: string[]]>;

const always = (odds: Odds, expectSame: (answers: Answers) => void) =>
  fc.asyncProperty(fc.nat(), fc.nat(), calls, async (words, seed, asked) => {
    const { own, usual, usualOn } = documentIn(schema, documentOf(schema, diceOf(`${words}`)));
    for (const [at, [operationName, variableValues]] of asked.entries()) {
      const [mine, theirs, lenients] = [0, 1, 2].map(() => worldOf(`${seed} ${at}`, odds)) as [World, World, World];
      const call = { operationName, variableValues };
      expectSame({
        own: await own({ ...call, contextValue: mine }).finally(() => quiet(mine)),
        usual: await deaf(theirs, () => usual({ ...call, contextValue: theirs })),
        every: await deaf(lenients, () => usualOn(lenient)({ ...call, contextValue: lenients })),
        asked: [mine.asked, theirs.asked],
      });
    }
  });

/** graphql-js leaves promises behind whose rejection nobody handles. For ours, vitest still listens. */
async function deaf<T>(world: World, work: () => Promise<T>): Promise<T> {
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', () => undefined);
  const result = await work();
  await quiet(world);
  process.removeAllListeners('unhandledRejection');
  for (const listener of listeners) process.on('unhandledRejection', listener);
  return result;
}

function exactly({ own, usual, asked }: Answers): void {
  expect(own).toEqual(usual);
  expect(asked[0]).toEqual(asked[1]);
}

/**
 * Which of several errors made a place null is left open, and whether others below it are told (specification, section
 * 6.4.4): graphql-js says what happened to be first. So the same places are null, for reasons that there are.
 */
function asSpecified({ own, usual, every }: Answers): void {
  expect([own.data, own.nulled]).toEqual([usual.data, usual.nulled]);
  const reasons = own.errors.filter((error) => !error.includes('Cannot return null for non-nullable'));
  expect(every.errors).toEqual(expect.arrayContaining(reasons));
}

test('where everything is there at once, data, errors and the order of asking are those of graphql-js', () =>
  fc.assert(always({ promises: 0, trouble: 10 }, exactly), { numRuns: size(100, 400) }));

test('where some of it comes later and nothing goes wrong, too', () =>
  fc.assert(always({ promises: 2, trouble: 1e9 }, exactly), { numRuns: size(60, 200) }));

test('where some of it comes later and some goes wrong, the same places are null, each for a good reason', () =>
  fc.assert(always({ promises: 3, trouble: 10 }, asSpecified), { numRuns: size(80, 300) }));

test('where everything comes later and much goes wrong, too', () =>
  fc.assert(always({ promises: 1, trouble: 4 }, asSpecified), { numRuns: size(60, 200) }));
