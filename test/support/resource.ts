import type { Api, Json } from './api.ts';
import type { Organization, Person } from './world.ts';

export type Input = Record<string, Json>;

/** Objects of one organization, which the entries of the registry make. */
export interface Fixtures {
  api: Api;
  organization: Organization;
  /** Owner of the organization, who makes everything. */
  owner: Person;
  /** A text that no other call returns, such as `Cost-7`. */
  unique(text: string): string;
  /** Public id of the object of this type that others refer to. Made on first use. */
  one(type: string): Promise<string>;
  /** Public id of a new object that nothing refers to. */
  make(type: string, more?: Input): Promise<string>;
}

/** A mutation that succeeds. */
export interface Case {
  input: Input;
  /** The Owner by default. */
  caller?: Person;
  /** The organization of the caller, when it is another one. */
  home?: Organization;
  /** What the audit event says that others do not. */
  event?: Json;
}

/** An input that is refused with these codes, and the target in the audit event unless it is the input's id. */
export type RejectedInput = [input: Input, codes: string, target?: string];

/** Rows by SQL, many of each type. */
export interface Rows {
  api: Api;
  organization: Organization;
  organizationUuid: string;
  /** How many rows of each type. */
  size: number;
  /** Inserts `size` rows, each with an id of its own in the organization, and returns the ids. */
  insert(table: string, row: (at: number) => object, count?: number): Promise<string[]>;
  /** Ids of the rows of another type, one for each row. Made on first use. */
  of(type: string): Promise<string[]>;
  /** The same, but where lists are filtered the first half refers to one row, so that a filter finds several. */
  refer(type: string): Promise<string[]>;
  /** The result of the first call with this key. */
  once<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** All that the generated tests need to know of a resource; they read the rest from the schema. */
export interface Resource {
  /** A good input of the create mutation, with every field. A unique name on each call. */
  create?: (fixtures: Fixtures) => Input | Promise<Input>;
  /** The input that makes an ordinary object, where `create` is not it. */
  base?: (fixtures: Fixtures) => Input | Promise<Input>;
  /** Makes or finds one and returns its public id, where there is no create mutation. */
  obtain?: (fixtures: Fixtures) => string | Promise<string>;
  /** Two inputs of the update mutation with every field but the id, different in each field. */
  updates?: (fixtures: Fixtures) => [Input, Input] | Promise<[Input, Input]>;
  /** Fields that change along with another one, because its description says so. */
  alsoChanges?: Record<string, string[]>;
  /** What the delete mutation needs beside the id. */
  confirm?: (fixtures: Fixtures, id: string) => Promise<Input>;
  /** Mutations of the resource beside create, update and delete; and a case of these that differs from the derived one. */
  cases?: Record<string, (fixtures: Fixtures) => Promise<Case>>;
  /** For each mutation an input that is refused, or null where only its id can be wrong. Replaces the derived ones. */
  rejected?: (fixtures: Fixtures) => Promise<Record<string, RejectedInput | null>>;
  /** Inserts as many rows as asked for. */
  rows: (rows: Rows) => Promise<string[]>;
  /** Uuid of the one whose lists have many items; the first row by default. */
  parent?: (rows: Rows) => Promise<string>;
}
