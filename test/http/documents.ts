import {
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isUnionType,
} from 'graphql';
import type { Random } from './random.ts';

/** Response keys, most of which are also properties of every object. */
const KEYS = ['a', 'b', 'c', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'toJSON', 'length'];

const ARGUMENTS = ['', '(upper: true)', '(upper: $a)', '(upper: null)', '(upper: $maybe)', '(upper: $n)'];

const DECLARED =
  '($a: Boolean!, $b: Boolean!, $c: Boolean = true, $maybe: Boolean, $s: String, $n: Boolean = false, $e: Sound, $in: Box)';
/** Every operation uses every variable with this field, so every fragment may use every variable. */
const ECHO = 'echo(a: $a, b: $b, c: $c, maybe: $maybe, s: $s, n: $n, e: $e, in: $in)';

export const OPERATIONS = ['Q0', 'Q1', 'M'] as const;

/** A random valid document of three operations that share fragments. */
export function documentOf(schema: GraphQLSchema, random: Random): string {
  const fragments: { name: string; type: string; text: string }[] = [];
  const signatures = new Map<string, string>();

  /** Fields with one response key must be the same, otherwise they cannot be merged. */
  function aliasOf(field: string, signature: string): string {
    const key = random.oneIn(3) ? random.of(KEYS) : field;
    for (const chosen of [key, field, `${field}${signatures.size}`]) {
      if ((signatures.get(chosen) ?? signature) !== signature) continue;
      signatures.set(chosen, signature);
      return chosen === field ? '' : `${chosen}: `;
    }
    throw new Error('a new key is free');
  }

  const directive = (): string =>
    random.oneIn(4) ? ` @${random.of(['skip', 'include'])}(if: ${random.of(['$a', '$b', '$c', 'true', 'false'])})` : '';

  function field(type: GraphQLObjectType | GraphQLInterfaceType, depth: number): string {
    const leaf = (each: GraphQLField<unknown, unknown>): boolean => !isCompositeType(getNamedType(each.type));
    const fields = Object.values(type.getFields()).filter((each) => each.name !== 'echo' && (depth > 0 || leaf(each)));
    const chosen = random.of(fields);
    const args = chosen.args.length > 0 ? random.of(ARGUMENTS) : '';
    const alias = aliasOf(chosen.name, `${chosen.name} ${chosen.type} ${args}`);
    const named = getNamedType(chosen.type);
    const below = isCompositeType(named) ? ` ${selection(named, depth - 1)}` : '';
    return `${alias}${chosen.name}${args}${directive()}${below}`;
  }

  function fragment(type: GraphQLCompositeType, depth: number): string {
    const on = isAbstractType(type) ? random.of([...schema.getPossibleTypes(type), type]) : type;
    if (random.oneIn(2)) return `... on ${on.name}${directive()} ${selection(on, depth)}`;
    const known = fragments.filter((each) => each.type === on.name);
    if (known.length > 0 && random.oneIn(2)) return `...${random.of(known).name}${directive()}`;
    const text = selection(on, depth);
    const name = `F${fragments.length}`;
    fragments.push({ name, type: on.name, text: `fragment ${name} on ${on.name} ${text}` });
    return `...${name}${directive()}`;
  }

  function selection(type: GraphQLCompositeType, depth: number): string {
    const parts = Array.from({ length: 1 + random.below(4) }, () => {
      if (random.oneIn(6)) return `__typename${directive()}`;
      if (depth > 0 && random.oneIn(3)) return fragment(type, depth - 1);
      return isUnionType(type) ? '__typename' : field(type, depth);
    });
    return `{ ${parts.join(' ')} }`;
  }

  const operation = (name: string): string => {
    const kind = name === 'M' ? 'mutation' : 'query';
    const root = (kind === 'query' ? schema.getQueryType() : schema.getMutationType()) as GraphQLObjectType;
    return `${kind} ${name}${DECLARED} { ${ECHO} ...on ${root.name} ${selection(root, 3)} ...on ${root.name} ${selection(root, 2)} }`;
  };
  const operations = OPERATIONS.map(operation);
  return [...operations, ...fragments.map((each) => each.text)].join('\n');
}
