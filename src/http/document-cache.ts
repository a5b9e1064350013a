import type { DocumentNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import { retainedBytes } from '../executor/retained.ts';
import { keyOf } from './rules.ts';

/** Maximum number of bytes that the cached documents use with their plans. Usual documents count as 50 to 200 KB. */
const MAX_BYTES = 64_000_000;

/**
 * Valid documents by their text. The limit is in bytes, because a client can send long documents. Documents with errors
 * are not cached: their errors can use much more memory than their text.
 */
export interface DocumentCache {
  /** The parsed document with this text. */
  get(text: string): DocumentNode | undefined;
  /** Whether the document complies with the rules of this key. The rules depend on the caller. */
  isValid(document: DocumentNode, rules: string): boolean;
  add(document: DocumentNode, rules: string): void;
  /** Number of documents. */
  size(): number;
}

export function createDocumentCache(): DocumentCache {
  const documents = new LRUCache<string, DocumentNode>({ maxSize: MAX_BYTES, sizeCalculation: retainedBytes });
  const valid = new WeakMap<DocumentNode, Set<string>>();
  return {
    get: (text) => documents.get(text),
    isValid: (document, rules) => valid.get(document)?.has(rules) === true,
    add(document, rules) {
      valid.set(document, (valid.get(document) ?? new Set()).add(rules));
      documents.set(document.loc?.source.body ?? '', document);
    },
    size: () => documents.size,
  };
}

/** Must be the last plugin that handles `onValidate`, so that it knows all rules. */
export function useDocumentCache(cache: DocumentCache = createDocumentCache()): Plugin {
  return {
    onParse({ params, setParsedDocument }) {
      const document = cache.get(String(params.source));
      if (document) setParsedDocument(document);
    },
    onValidate({ params: { documentAST, rules }, setResult }) {
      const key = keyOf(rules);
      if (cache.isValid(documentAST, key)) return setResult([]);
      return ({ result }) => {
        if (result.length === 0) cache.add(documentAST, key);
      };
    },
  };
}
