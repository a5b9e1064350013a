import { type ASTNode, type DocumentNode, type GraphQLSchema, Kind, parse, print, validate, visit } from 'graphql';
import type { Operation } from './documents.ts';

/** Removes selections and directives from the operation while it is valid and still fails. */
export async function shrink(
  schema: GraphQLSchema,
  operation: Operation,
  fails: (operation: Operation) => Promise<boolean>,
): Promise<Operation> {
  let smallest = operation;
  for (let at = 0; ; ) {
    const document = without(parse(smallest.query), at);
    if (!document) return smallest;
    if (isEmpty(document)) {
      at += 1;
      continue;
    }
    const candidate = { ...smallest, query: print(document) };
    if (validate(schema, document).length === 0 && (await fails(candidate))) [smallest, at] = [candidate, 0];
    else at += 1;
  }
}

const REMOVABLE: readonly string[] = [
  Kind.FIELD,
  Kind.INLINE_FRAGMENT,
  Kind.FRAGMENT_SPREAD,
  Kind.DIRECTIVE,
  Kind.FRAGMENT_DEFINITION,
  Kind.VARIABLE_DEFINITION,
  Kind.ARGUMENT,
];

/** The document without its removable node at this position. Null if it has fewer. */
function without(document: DocumentNode, position: number): DocumentNode | null {
  let at = -1;
  const reduced = visit(document, {
    enter(node: ASTNode) {
      if (at >= position) return false;
      if (!REMOVABLE.includes(node.kind)) return undefined;
      at += 1;
      return at === position ? null : undefined;
    },
  }) as DocumentNode;
  return at < position ? null : withoutUnused(reduced);
}

/** Removes fragments and variables that are no longer used, and selections without fields. */
function withoutUnused(document: DocumentNode): DocumentNode {
  const used = new Set<string>();
  visit(document, {
    FragmentSpread: ({ name }) => void used.add(`...${name.value}`),
    VariableDefinition: () => false,
    Variable: ({ name }) => void used.add(`$${name.value}`),
  });
  return visit(document, {
    FragmentDefinition: ({ name }) => (used.has(`...${name.value}`) ? undefined : null),
    VariableDefinition: ({ variable }) => (used.has(`$${variable.name.value}`) ? undefined : null),
    Field: { leave: (node) => (node.selectionSet?.selections.length === 0 ? null : undefined) },
    InlineFragment: { leave: (node) => (node.selectionSet.selections.length === 0 ? null : undefined) },
  });
}

/** Whether an operation or a fragment has no selection, so that it cannot be printed. */
const isEmpty = ({ definitions }: DocumentNode): boolean =>
  definitions.some((definition) => 'selectionSet' in definition && definition.selectionSet.selections.length === 0) ||
  !definitions.some(({ kind }) => kind === Kind.OPERATION_DEFINITION);
