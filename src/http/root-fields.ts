import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { fragmentsOf } from './fragments.ts';

/** The names of the root fields of an operation of the document, once for each selection. */
export const rootFieldsOf = (document: DocumentNode, { selectionSet }: OperationDefinitionNode): string[] =>
  rootFields(selectionSet, new Map(fragmentsOf(document)));

/** The names of all root fields, also of those that `@skip` and `@include` leave out. Each fragment is read once. */
function rootFields(selectionSet: SelectionSetNode, fragments: Map<string, FragmentDefinitionNode>): string[] {
  return selectionSet.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection.name.value];
    if (selection.kind === Kind.INLINE_FRAGMENT) return rootFields(selection.selectionSet, fragments);
    const fragment = fragments.get(selection.name.value);
    fragments.delete(selection.name.value);
    return fragment ? rootFields(fragment.selectionSet, fragments) : [];
  });
}
