import { type DocumentNode, parse } from 'graphql';
import { expect, test } from 'vitest';
import { useDocumentCache } from '../../src/http/document-cache.ts';

function namedRule(): void {}

/** Sends a document through the hooks of the plugin. Returns whether its parsed document and its validation were cached. */
function cache() {
  const plugin = useDocumentCache() as never as Record<'onParse' | 'onValidate', (payload: object) => unknown>;
  return (source: string, { isValid = true, rules = [namedRule] } = {}) => {
    const cached: { document?: DocumentNode; isValidated: boolean } = { isValidated: false };
    plugin.onParse({
      params: { source },
      setParsedDocument: (document: DocumentNode) => Object.assign(cached, { document }),
    });
    const documentAST = cached.document ?? parse(source);
    const setResult = (): void => {
      cached.isValidated = true;
    };
    const after = plugin.onValidate({ params: { documentAST, rules }, setResult }) as
      | ((done: object) => void)
      | undefined;
    after?.({ result: isValid ? [] : [new Error('invalid')] });
    return { isParsed: cached.document !== undefined, isValidated: cached.isValidated };
  };
}

test('a valid document is parsed once, and validated once for each set of rules', () => {
  const send = cache();
  expect(send('{ a }')).toEqual({ isParsed: false, isValidated: false });
  expect(send('{ a }')).toEqual({ isParsed: true, isValidated: true });
  function otherRule(): void {}
  expect(send('{ a }', { rules: [namedRule, otherRule] })).toEqual({ isParsed: true, isValidated: false });
  expect(send('{ a }', { rules: [namedRule, otherRule] })).toEqual({ isParsed: true, isValidated: true });
});

test('a document with errors is not kept', () => {
  const send = cache();
  for (let time = 0; time < 2; time += 1)
    expect(send('{ b }', { isValid: false })).toEqual({ isParsed: false, isValidated: false });
});

test('long documents replace the documents that were not used for the longest time', () => {
  const send = cache();
  const long = (n: number): string => `{ ${Array.from({ length: 900 }, (_, at) => `f${n}_${at}`).join(' ')} }`;
  send('{ a }');
  for (let n = 0; n < 100; n += 1) {
    send(long(n));
    send('{ b }');
  }
  expect(send('{ b }').isParsed).toBe(true);
  expect(send(long(99)).isParsed).toBe(true);
  expect(send(long(0)).isParsed).toBe(false);
  expect(send('{ a }').isParsed).toBe(false);
});
