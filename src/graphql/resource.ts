import type { PgColumn } from 'drizzle-orm/pg-core';
import { declareReference } from '../data/references.ts';
import type { TenantTable } from '../data/rows.ts';
import { nounOf } from '../lib/words.ts';
import type { Declaration, NodeDeclaration, Row } from './declaration.ts';
import { hasReferences } from './part-fields.ts';
import { addGetter, addList, addPartLists, addReverseList } from './resource-list.ts';
import {
  type AnyDeclaration,
  columnOf,
  type DeclaredNode,
  describe,
  type Resource,
  targetOf,
} from './resource-model.ts';
import { addMutations } from './resource-mutations.ts';
import { addType } from './resource-type.ts';

/** All declared resources, in the order of their declaration. */
export const RESOURCES: Resource[] = [];

/**
 * Builds a node type, a getter, a list, and the mutations create, update and delete for a tenant table, each with its own
 * permission. The result is the same as with hand-written `builder.node`, `t.connection` and `mutation`.
 */
export function resource<Table extends TenantTable>(
  name: string,
  declaration: Declaration<Table>,
): Resource<Row<Table>> {
  const declared = resourceWithoutMutations(name, declaration);
  addMutations(declared as unknown as Resource);
  return declared;
}

/** Builds the same for a resource whose mutations are written by hand. */
export function resourceWithoutMutations<Table extends TenantTable>(
  name: string,
  declaration: Omit<Declaration<Table>, 'hooks'>,
): Resource<Row<Table>> {
  const declared = describe(name, declaration as unknown as AnyDeclaration) as Resource;
  RESOURCES.push(declared);
  addType(declared);
  addGetter(declared);
  addList(declared);
  if (declaration.project)
    addReverseList(declared, declaration.project, declaration.plural, {
      by: 'project',
      column: declared.project as PgColumn,
      listsAll: false,
    });
  for (const { key, ...reference } of declared.references) {
    const target = targetOf(declared, reference.target);
    const column = columnOf(declared, key);
    const { listsAll } = reference;
    addReverseList(declared, target, reference.reverse ?? declaration.plural, {
      by: key.slice(0, -2),
      column,
      listsAll,
    });
    if (reference.onDelete === 'hook') continue;
    declareReference(target.table, {
      typename: name,
      noun: declared.noun,
      plural: nounOf(declaration.plural),
      permission: declared.permission,
      table: declared.table,
      column,
      project: declared.project,
      owner: declared.owner ?? null,
      onDelete: reference.onDelete,
    });
  }
  for (const part of declared.parts) if (hasReferences(part)) addPartLists(declared, part);
  return declared as unknown as Resource<Row<Table>>;
}

/** Builds a node type with declared attributes, for a resource whose lists and mutations are written by hand. */
export function node<Table extends TenantTable>(
  name: string,
  declaration: NodeDeclaration<Table>,
): DeclaredNode<Row<Table>> {
  const declared = describe(name, declaration as unknown as NodeDeclaration<TenantTable>);
  addType(declared);
  return declared as unknown as DeclaredNode<Row<Table>>;
}
