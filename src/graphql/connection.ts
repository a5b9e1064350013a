import type { InterfaceRef, ObjectRef } from '@pothos/core';
import { builder, type SchemaTypes as Types } from './builder.ts';
import { capitalized, withArticle } from './words.ts';

type NodeRef<Row> = (ObjectRef<Types, Row> | InterfaceRef<Types, Row>) & { name: string };

const create = <Row>(type: NodeRef<Row>) =>
  builder.connectionObject(
    { type, name: `${type.name}Connection`, description: `A page of \`${type.name}\` objects.` },
    { name: `${type.name}Edge`, description: `${capitalized(withArticle(`\`${type.name}\``))} and its cursor.` },
  );

// Part of the builder, which is also filled while the modules load: every list of a type has the same connection.
const connections = new Map<string, unknown>();

/** The connection type of a node type, such as `CheckConnection`: the second argument of `t.connection`. */
export function connectionOf<Row>(type: NodeRef<Row>): ReturnType<typeof create<Row>> {
  const known = connections.get(type.name) ?? create(type);
  connections.set(type.name, known);
  return known as ReturnType<typeof create<Row>>;
}
