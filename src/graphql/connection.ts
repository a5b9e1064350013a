import type { InterfaceRef, ObjectRef } from '@pothos/core';
import { capitalized, withArticle } from '../lib/words.ts';
import { builder, type SchemaTypes as Types } from './builder.ts';

type NodeRef<Row> = (ObjectRef<Types, Row> | InterfaceRef<Types, Row>) & { name: string };

const create = <Row>(type: NodeRef<Row>) =>
  builder.connectionObject(
    { type, name: `${type.name}Connection`, description: `A page of \`${type.name}\` objects.` },
    { name: `${type.name}Edge`, description: `${capitalized(withArticle(`\`${type.name}\``))} and its cursor.` },
  );

// Module state like the builder, filled while the modules load. All lists of a type have the same connection type.
const connections = new Map<string, unknown>();

/** The connection type of a node type, such as `CheckConnection`: the second argument of `t.connection`. */
export function connectionOf<Row>(type: NodeRef<Row>): ReturnType<typeof create<Row>> {
  const known = connections.get(type.name) ?? create(type);
  connections.set(type.name, known);
  return known as ReturnType<typeof create<Row>>;
}
