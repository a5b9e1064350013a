import type { AnySchema, ErrorObject } from 'ajv';
import { Ajv2020, type Options } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { compilePattern, DRAFT, FORMATS, problemsOf } from './keywords.ts';
import type { Problem, ValueProblem } from './messages.ts';

/** A compiled schema. Returns the first problem of a value, or null. */
export interface Compiled {
  problemOf(value: unknown): Problem | null;
  /** Characters of the code that ajv has generated. */
  codeLength: number;
}

const OPTIONS: Options = {
  strict: false,
  logger: false,
  // `$ref` to a meta-schema is not found, and neither is any other schema.
  meta: false,
  validateSchema: false,
  // Otherwise `toString` would be a property of each object.
  ownProperties: true,
  // Inlined schemas can make the code much longer than the schema.
  inlineRefs: false,
};

/** Compiles a schema that `checkSchema` has accepted. */
export function compile(schema: AnySchema): Compiled {
  let codeLength = 0;
  const count = (code: string): string => {
    codeLength += code.length;
    return code;
  };
  const regExp = Object.assign(compilePattern, { code: 'compilePattern' });
  // A new instance for each schema, because an instance keeps all of its schemas.
  const ajv = new Ajv2020({ ...OPTIONS, code: { regExp, process: count } });
  addFormats.default(ajv, [...FORMATS]);
  const validate = ajv.compile(schema);
  const problemOf = (value: unknown): Problem | null => {
    // With the keyword `$async`, it would return a promise. `checkSchema` refuses that keyword.
    if (validate(value) === true) return null;
    return problemIn(validate.errors?.[0]);
  };
  return { problemOf, codeLength };
}

/** Values that reach a schema that refers to itself without an end. */
const SAMPLES = [null, true, 0, '', [], {}];

/** Returns a function that finds the first problem of a schema, or null if the schema can be used. */
export function createSchemaCheck(): (schema: unknown) => Problem | null {
  const meta = new Ajv2020({ strict: false, logger: false });
  return (schema) => {
    try {
      // Not `validateSchema`, which looks for the schema that `$schema` names.
      if (!meta.validate(DRAFT, schema)) return problemIn(meta.errors?.[0]);
      for (const problem of problemsOf(schema)) return problem;
      const { problemOf } = compile(schema as AnySchema);
      for (const sample of SAMPLES) problemOf(sample);
      return null;
    } catch (error) {
      const message = error instanceof RangeError ? 'refers to itself without an end' : (error as Error).message;
      return { path: [], message };
    }
  };
}

/** The first problem of each value. */
export function problemsOfValues({ problemOf }: Compiled, values: unknown[]): ValueProblem[] {
  return values.flatMap((value, item) => {
    try {
      const problem = problemOf(value);
      return problem ? [{ item, ...problem }] : [];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return [{ item, path: [], message: 'is nested too deeply' }];
    }
  });
}

function problemIn(error: ErrorObject | undefined): Problem {
  if (!error) return { path: [], message: 'is not valid' };
  const path = error.instancePath.split('/').slice(1).map(unescaped);
  return { path, message: `${error.message ?? 'is not valid'}${details(error)}` };
}

/** RFC 6901, section 4. */
const unescaped = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~');

const MAX_DETAILS = 200;

/** What the message of ajv does not say. */
function details({ keyword, params }: ErrorObject): string {
  const more =
    keyword === 'enum'
      ? params['allowedValues']
      : keyword === 'const'
        ? params['allowedValue']
        : (params['additionalProperty'] ?? params['unevaluatedProperty']);
  if (more === undefined) return '';
  const text = JSON.stringify(more);
  return `: ${text.length > MAX_DETAILS ? `${text.slice(0, MAX_DETAILS)}…` : text}`;
}
