import type { DocumentNode, ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import { retainedBytes } from '../executor/retained.ts';

/** Maximum number of bytes that the cached documents use with their plans. Usual documents need 20 to 100 KB. */
const MAX_BYTES = 64_000_000;

/**
 * Caches valid documents by their text. The limit is in bytes, because a client can send long documents. Documents with
 * errors are not cached: their errors can use much more memory than their text.
 */
export function useDocumentCache(): Plugin {
  const documents = new LRUCache<string, DocumentNode>({ maxSize: MAX_BYTES, sizeCalculation: retainedBytes });
  /** The names of the rules that a document complies with. The rules depend on the caller. */
  const valid = new WeakMap<DocumentNode, Set<string>>();

  return {
    onParse({ params, setParsedDocument }) {
      const document = documents.get(String(params.source));
      if (document) setParsedDocument(document);
    },
    onValidate({ params: { documentAST, rules }, setResult }) {
      const names = rules.map((rule: ValidationRule) => rule.name).join();
      if (valid.get(documentAST)?.has(names)) return setResult([]);
      return ({ result }) => {
        if (result.length > 0) return;
        valid.set(documentAST, (valid.get(documentAST) ?? new Set()).add(names));
        documents.set(documentAST.loc?.source.body ?? '', documentAST);
      };
    },
  };
}
