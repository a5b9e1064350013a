import type { SchemaTypes } from './builder.ts';
import type { Target } from './target.ts';

/** A field with the object that has an ID. Null if the ID is null, or if the object is not visible to the caller. */
export const referenceField = <Parent, Row extends { id: string }>(
  t: PothosSchemaTypes.ObjectFieldBuilder<SchemaTypes, Parent>,
  target: Target<Row>,
  idOf: (parent: Parent) => string | null,
  description: string,
) =>
  t.field({
    type: target.type,
    nullable: true,
    description,
    resolve: (parent, _args, ctx) => {
      const id = idOf(parent);
      return (id === null ? null : target.load(ctx, id)) as never;
    },
  });
