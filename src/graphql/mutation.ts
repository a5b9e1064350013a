import type {
  InputFieldBuilder,
  InputFieldMap,
  InputRef,
  InputShapeFromFields,
  MaybePromise,
  ShapeFromTypeParam,
  TypeParam,
} from '@pothos/core';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { type Creation, limitCreation } from '../data/rate-limit.ts';
import { capitalized } from '../lib/words.ts';
import { builder, ERRORS_OF_MANY, Payload } from './builder.ts';
import type { FindTarget } from './run-mutation.ts';

type Types = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer T> ? T : never;
interface Result {
  type: TypeParam<Types>;
  description: string;
  complexity?: { field: number; multiplier: number };
  /** The permission to see the field, if it is another one than that of the mutation. */
  permission?: Permission;
  /** It is enough to have it on some services. The field has no others. */
  onSome?: true;
}

interface MutationOptions<Input extends InputFieldMap, Results extends Record<string, Result>> {
  permission?: Permission;
  own?: true;
  public?: true;
  /** It is enough to have the permission on some services. The resolver checks it on those of the input. */
  onSome?: true;
  /** The project that the permission is checked on. Defaults to the organization. */
  on?: (input: InputShapeFromFields<Input>, ctx: Context) => Promise<string | null>;
  /** What each call creates, if its number is limited. */
  rateLimit?: Creation;
  description: string;
  /** Finds the ID of the target of a refused mutation, if the input names it by an alias. */
  auditTarget?: FindTarget;
  /** The permission in the audit event, unless another one was refused or used: for a permission that depends on the input. */
  auditPermission?: Permission;
  /** Whether it may begin with the cached actor. All of its effects must be in its transaction. */
  mayUseCachedActor?: true;
  input: (t: InputFieldBuilder<Types, 'InputObject'>) => Input;
  /** Fields of the payload in addition to `errors`. They are null if there are errors. */
  results: Results;
  /** The cost of the mutation, if it changes several objects. */
  complexity?: (args: never) => { field: number; multiplier: number };
  resolve: (
    input: InputShapeFromFields<Input>,
    ctx: Context,
  ) => MaybePromise<{ [Name in keyof Results]: MaybePromise<ShapeFromTypeParam<Types, Results[Name]['type'], true>> }>;
}

/** The result of every mutation that deletes an object. */
export const DELETED = { deletedId: { type: 'ID', description: 'The ID of the deleted object.' } } as const;

const RATE_LIMITED = 'Returns RATE_LIMITED above a rate limit, with `retryAfter` in seconds.';

/** Describes the argument `input`: `createApiToken` gives "The fields of the new API token.". */
function inputDescription(name: string): string {
  const [verb, ...words] = name.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
  const object = words
    .join(' ')
    .replace(/^api /, 'API ')
    .replace('project member', 'project role')
    .replace(/ from .*/, '');
  if (verb === 'create') return `The fields of the new ${object}.`;
  if (verb === 'update') return `The changes to the ${object}.`;
  if (verb === 'delete') return `The ${object} to delete.`;
  return `The input of \`${name}\`.`;
}

/** Adds when the result is null, unless the description says it. */
function resultDescription(description: string, hasDryRun: boolean): string {
  if (/\bNull\b/.test(description)) return description;
  return `${description} Null if there are errors${hasDryRun ? ', and in a dry run' : ''}.`;
}

/**
 * Every mutation has one form: `name(input: NameInput!): NamePayload`. The payload is nullable, so that a refusal leaves
 * the results of the other mutations in the document as they are.
 */
export function mutation<Input extends InputFieldMap, const Results extends Record<string, Result>>(
  name: string,
  {
    description,
    input,
    results,
    resolve,
    on,
    rateLimit,
    auditTarget,
    auditPermission,
    mayUseCachedActor,
    complexity,
    ...access
  }: MutationOptions<Input, Results>,
): InputRef<InputShapeFromFields<Input>> {
  const typeName = capitalized(name);
  const inputType = builder.inputType(`${typeName}Input`, { description: `The input of \`${name}\`.`, fields: input });
  const payload = builder.objectRef<Record<string, never>>(`${typeName}Payload`).implement({
    description: `The payload of \`${name}\`.`,
    public: true,
    interfaces: [Payload],
    fields: (t) => ({
      ...(complexity && { errors: t.field(ERRORS_OF_MANY as never) }),
      ...Object.fromEntries(
        Object.entries(results).map(([field, result]) => [
          field,
          t.field({
            ...result,
            nullable: true,
            description: resultDescription(result.description, 'accessChanges' in results),
            resolve: (parent) => parent[field] ?? null,
          }),
        ]),
      ),
    }),
  });
  builder.mutationField(name, (t) =>
    t.field({
      ...access,
      ...(complexity && { complexity: complexity as never }),
      ...(on && {
        on: (_root: unknown, args: unknown, ctx: Context) =>
          on((args as { input: InputShapeFromFields<Input> }).input, ctx),
      }),
      type: payload,
      nullable: true,
      description: rateLimit ? `${description} ${RATE_LIMITED}` : description,
      extensions: { auditTarget, auditPermission, mayUseCachedActor },
      args: { input: t.arg({ type: inputType, required: true, description: inputDescription(name) }) },
      resolve: async (_root, args, ctx) => {
        if (rateLimit) await limitCreation(ctx, rateLimit);
        return (await resolve((args as unknown as { input: InputShapeFromFields<Input> }).input, ctx)) as never;
      },
    }),
  );
  return inputType as unknown as InputRef<InputShapeFromFields<Input>>;
}

/** The payload of a mutation that changes access. A dry run has access changes and no result. */
export const withChanges = <Name extends string, Row, Delta>(
  ctx: Context,
  name: Name,
  { result, accessChanges }: { result: Row; accessChanges: Delta[] },
) =>
  ({ [name]: ctx.unit.dryRun ? null : result, accessChanges }) as Record<Name, Row | null> & { accessChanges: Delta[] };
