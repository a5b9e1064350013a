import fc from 'fast-check';
import { expect, test } from 'vitest';
import { size } from '../support/size.ts';
import { type Comparable, documentIn } from './compare.ts';
import { documentOf, OPERATIONS } from './documents.ts';
import { randomOf } from './random.ts';
import { syntheticSchema, type World, whenSettled, worldOf } from './synthetic.ts';

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
  /** One in this many values is a promise. 0 for none. */
  promises: number;
  /** One in this many values is wrong. */
  faults: number;
}

type Answers = Record<'own' | 'reference' | 'allErrors', Comparable> &
  Record<'resolved', [own: string[], reference: string[]]>;

const property = (odds: Odds, expectSame: (answers: Answers) => void) =>
  fc.asyncProperty(fc.nat(), fc.nat(), calls, async (words, seed, asked) => {
    const { own, reference, referenceOn } = documentIn(schema, documentOf(schema, randomOf(`${words}`)));
    for (const [at, [operationName, variableValues]] of asked.entries()) {
      const [mine, theirs, lenients] = [0, 1, 2].map(() => worldOf(`${seed} ${at}`, odds)) as [World, World, World];
      const call = { operationName, variableValues };
      expectSame({
        own: await own({ ...call, contextValue: mine }).finally(() => whenSettled(mine)),
        reference: await withoutRejections(theirs, () => reference({ ...call, contextValue: theirs })),
        allErrors: await withoutRejections(lenients, () => referenceOn(lenient)({ ...call, contextValue: lenients })),
        resolved: [mine.resolved, theirs.resolved],
      });
    }
  });

/** Ignores the unhandled rejections that graphql-js leaves. For our executor, vitest still reports them. */
async function withoutRejections<T>(world: World, work: () => Promise<T>): Promise<T> {
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', () => undefined);
  const result = await work();
  await whenSettled(world);
  process.removeAllListeners('unhandledRejection');
  for (const listener of listeners) process.on('unhandledRejection', listener);
  return result;
}

function expectEqual({ own, reference, resolved }: Answers): void {
  expect(own).toEqual(reference);
  expect(resolved[0]).toEqual(resolved[1]);
}

/**
 * When several errors make one position null, the specification (section 6.4.4) does not say which of them are
 * reported. So the same positions must be null, and each reported error must be one that can occur.
 */
function expectSameNulls({ own, reference, allErrors }: Answers): void {
  expect([own.data, own.nulled]).toEqual([reference.data, reference.nulled]);
  const reasons = own.errors.filter((error) => !error.includes('Cannot return null for non-nullable'));
  expect(allErrors.errors).toEqual(expect.arrayContaining(reasons));
}

test('without promises, the data, the errors and the order of resolvers are those of graphql-js', () =>
  fc.assert(property({ promises: 0, faults: 10 }, expectEqual), { numRuns: size(50, 400) }));

test('with some promises and no errors, the data and the order of resolvers are those of graphql-js', () =>
  fc.assert(property({ promises: 2, faults: 1e9 }, expectEqual), { numRuns: size(30, 200) }));

test('with some promises and some errors, the same positions are null as with graphql-js', () =>
  fc.assert(property({ promises: 3, faults: 10 }, expectSameNulls), { numRuns: size(40, 300) }));

test('with only promises and many errors, the same positions are null as with graphql-js', () =>
  fc.assert(property({ promises: 1, faults: 4 }, expectSameNulls), { numRuns: size(30, 200) }));
