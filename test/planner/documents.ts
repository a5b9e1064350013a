import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type GraphQLUnionType,
  getNamedType,
  getNullableType,
  isAbstractType,
  isLeafType,
  isListType,
  isObjectType,
  isUnionType,
  parse,
  validate,
} from 'graphql';
import { DEFAULT_PAGE } from '../../src/db/page.ts';
import { LIST_COST } from '../../src/graphql/cost.ts';
import type { Random } from '../http/random.ts';
import type { Json } from '../support/api.ts';
import { createInputs, type Inputs } from './inputs.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface Operation {
  query: string;
  variables: Record<string, Json>;
  operationName?: string;
}

export interface Options {
  schema: GraphQLSchema;
  vocabulary: Vocabulary;
  /** Whether a field of this type may be selected. Leaves are always selected. */
  includes: (type: GraphQLNamedType) => boolean;
  /** Root fields that are not selected. */
  without?: readonly string[];
}

type Field = GraphQLField<unknown, unknown>;
type Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType;

/** The selected fields by response key. A selection that is merged has the same scope. */
type Scope = Map<string, Selected>;

interface Selected {
  /** Alias, name and arguments. */
  text: string;
  field: Field;
  scope: Scope;
  place: Place;
}

/** Where a selection is. */
interface Place {
  depth: number;
  /** Number of objects that each list in the selection may have, so that the operation stays below the cost limit. */
  budget: number;
  /** The ID of the selected object, if it is an argument of the field. */
  id?: string | undefined;
}

const KEYS = [
  'a',
  'b',
  'id',
  'name',
  '__proto__',
  'constructor',
  'then',
  'toJSON',
  'length',
  'nodes',
  'data',
  'errors',
];
const DEPTH = 5;
/** The limit of the cost is 50,000 fields, and each object has a few. */
const BUDGET = 1_500;

/** The fields of a type. A union has none. */
const fieldsIn = (type: Composite) => (isUnionType(type) ? {} : type.getFields());

/** A random operation that passes validation. */
export function randomOperation(random: Random, options: Options): Operation {
  for (;;) {
    const operation = build(random, options);
    if (validate(options.schema, parse(operation.query)).length === 0) return operation;
  }
}

function build(random: Random, { schema, vocabulary, includes, without = [] }: Options): Operation {
  const inputs: Inputs = createInputs(random);
  const fragments: { name: string; type: string; text: string }[] = [];
  const queryType = schema.getQueryType() as GraphQLObjectType;

  const directive = (): string =>
    random.oneIn(10) ? ` @${random.of(['skip', 'include'])}(if: ${inputs.condition()})` : '';

  function keyOf(field: Field, text: string, scope: Scope): string {
    const key = random.oneIn(5) ? random.of(KEYS) : field.name;
    const isFree = (one: string): boolean => !scope.has(one) || scope.get(one)?.text === withAlias(one, field, text);
    return [key, field.name].find(isFree) ?? `k${scope.size}`;
  }

  const withAlias = (key: string, field: Field, text: string): string =>
    key === field.name ? text : `${key}: ${text}`;

  /** Selects a field of this type, or one that is selected already, so that both are merged. */
  function select(type: Composite, scope: Scope, place: Place): string {
    const known = [...scope.values()].filter(({ field }) => fieldsIn(type)[field.name] === field);
    if (known.length > 0 && random.oneIn(8)) return selected(random.of(known));
    const field = randomField(type, scope, place);
    if (!field) return '__typename';
    const { args, size, id } = argumentsOf(field, place);
    const passed = Object.keys(args).length > 0 ? `(${inputs.passed(field, args)})` : '';
    const text = `${field.name}${passed}`;
    const key = keyOf(field, text, scope);
    const entry: Selected = {
      text: withAlias(key, field, text),
      field,
      scope: scope.get(key)?.scope ?? new Map(),
      place: { depth: place.depth - 1, budget: place.budget / size, id },
    };
    scope.set(key, entry);
    return selected(entry);
  }

  function selected({ text, field, scope, place }: Selected): string {
    const named = getNamedType(field.type);
    return `${text}${directive()}${isLeafType(named) ? '' : ` ${selection(named as Composite, scope, place)}`}`;
  }

  function randomField(type: Composite, scope: Scope, { depth, budget }: Place): Field | undefined {
    const selectable = Object.values(fieldsIn(type)).filter(({ type: of, name }) => {
      if (type === queryType && without.includes(name)) return false;
      const named = getNamedType(of);
      return isLeafType(named) || (includes(named) && (isParcel(named) || (depth > 0 && budget >= 2)));
    });
    const fresh = selectable.filter((field) => !scope.has(field.name));
    const fields = fresh.length > 0 ? fresh : selectable;
    const deep = fields.filter(({ type: of }) => !isLeafType(getNamedType(of)));
    if (type === queryType) return random.of(random.oneIn(12) || deep.length === 0 ? fields : deep);
    if (fields.length === 0) return undefined;
    return deep.length > 0 && random.oneIn(3) ? random.of(deep) : random.of(fields);
  }

  function argumentsOf(field: Field, { budget, id }: Place): { args: Record<string, Json>; size: number; id?: string } {
    const args = vocabulary.argumentsOf(random, field, { budget, parent: id });
    const isPaged = field.args.some(({ name }: GraphQLArgument) => name === 'first');
    const size = isPaged ? Math.max(1, Number(args['first'] ?? args['last'] ?? DEFAULT_PAGE)) : listSizeOf(field, args);
    return { args, size, id: args['id'] ?? args['ids']?.[0] };
  }

  function fragment(type: Composite, scope: Scope, place: Place): string {
    const on = fragmentType(type, place);
    const known = fragments.filter((each) => each.type === on.name);
    if (known.length > 0 && random.oneIn(3)) return `...${random.of(known).name}${directive()}`;
    const inner = selection(on, scope, place);
    if (random.oneIn(2)) return `... on ${on.name}${directive()} ${inner}`;
    if (on === type && random.oneIn(4)) return `...${directive()} ${inner}`;
    const name = `F${fragments.length}`;
    fragments.push({ name, type: on.name, text: `fragment ${name} on ${on.name} ${inner}` });
    return `...${name}${directive()}`;
  }

  function fragmentType(type: Composite, { id }: Place): Composite {
    if (!isAbstractType(type)) {
      const wider = type.getInterfaces();
      return wider.length > 0 && random.oneIn(5) ? random.of(wider) : type;
    }
    const possible = schema.getPossibleTypes(type);
    const probable = possible.filter((each) => each.name === vocabulary.typeOf(id));
    if (probable.length > 0 && !random.oneIn(4)) return random.of(probable);
    return random.of([...possible.filter(includes), type]);
  }

  function selection(type: Composite, scope: Scope, place: Place): string {
    const [fewest, more] = isAbstractType(type) ? [2, 3] : [1, 4];
    const parts = Array.from({ length: fewest + random.below(more) }, () => {
      if (random.oneIn(10)) return `${random.oneIn(3) ? 'kind: ' : ''}__typename${directive()}`;
      const odds = isAbstractType(type) ? !random.oneIn(3) : random.oneIn(7);
      return odds && place.depth > 0
        ? fragment(type, scope, { ...place, depth: place.depth - 1 })
        : select(type, scope, place);
    });
    return `{ ${parts.join(' ')} }`;
  }

  const roots = Array.from({ length: random.oneIn(2) ? 1 : 1 + random.below(4) });
  const place = { depth: DEPTH, budget: BUDGET / roots.length };
  const scope: Scope = new Map();
  const texts = roots.map(() =>
    random.oneIn(8) ? fragment(queryType, scope, place) : select(queryType, scope, place),
  );
  const body = `{ ${texts.join(' ')} }`;
  const used = [body, ...fragments.map(({ text }) => text)].join('\n');
  const isNamed = random.oneIn(4);
  const head = inputs.definitions.length > 0 || isNamed ? `query ${isNamed ? 'Q' : ''}${definitionsOf(inputs)} ` : '';
  const other = isNamed && random.oneIn(3) ? '\nquery Other { __typename }' : '';
  return {
    query: `${head}${used}${other}`,
    variables: inputs.variables,
    ...(other && { operationName: 'Q' }),
  };
}

const definitionsOf = ({ definitions }: Inputs): string =>
  definitions.length > 0 ? `(${definitions.join(', ')})` : '';

/** What a list counts as in the cost of an operation. The edges and nodes of a connection are counted with the page. */
function listSizeOf({ name, type }: Field, { ids }: Record<string, Json>): number {
  if (Array.isArray(ids)) return Math.max(1, ids.length);
  return isListType(getNullableType(type)) && name !== 'edges' && name !== 'nodes' ? LIST_COST : 1;
}

/** Parts of a list, which have no rows of their own. */
const isParcel = (type: GraphQLNamedType): boolean =>
  isObjectType(type) && (type.name === 'PageInfo' || type.name.endsWith('Edge'));
