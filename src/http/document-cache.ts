import type { DocumentNode, ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';

/** Maximum number of bytes that cached documents use. */
const MAX_BYTES = 64_000_000;

/**
 * Bytes that a cached document uses for each token: the token, its node of the syntax tree with its location, and the
 * part of the plans. Measured, see `docs/decisions/limits-by-memory.md`.
 */
const BYTES_PER_TOKEN = 600;

/**
 * Caches valid documents by their text. The limit is in bytes, because a client can send long documents. Documents with
 * errors are not cached: their errors can use much more memory than their text.
 */
export function useDocumentCache(maxBytes = MAX_BYTES): Plugin {
  const documents = new LRUCache<string, DocumentNode>({ maxSize: maxBytes, sizeCalculation: retainedBytes });
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

function retainedBytes({ loc }: DocumentNode, text: string): number {
  let tokens = 1;
  for (let token = loc?.startToken; token; token = token.next ?? undefined) tokens += 1;
  return 2 * text.length + tokens * BYTES_PER_TOKEN;
}
