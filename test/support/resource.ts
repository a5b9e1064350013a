import type { Api, Json } from './api.ts';
import type { Organization, Person } from './world.ts';

export type Input = Record<string, Json>;

/** Objects of one organization, created by the entries of the registry. */
export interface Fixtures {
  api: Api;
  organization: Organization;
  /** The Owner of the organization, who creates all objects. */
  owner: Person;
  /** Returns a different text on each call, such as `Cost-7`. */
  unique(text: string): string;
  /** Public ID of the object of this type that others refer to. Created on first use. */
  one(type: string): Promise<string>;
  /** Public ID of a new object without references to it. */
  make(type: string, more?: Input): Promise<string>;
}

/** A mutation that succeeds. */
export interface Case {
  input: Input;
  /** Defaults to the Owner. */
  caller?: Person;
  /** The organization of the caller, if it is another one. */
  home?: Organization;
  /** Fields of the audit event that differ from other mutations. */
  event?: Json;
}

/** An input that is rejected with these codes, and the target of the audit event if it is not the input's ID. */
export type RejectedInput = [input: Input, codes: string, target?: string];

/** Inserts many rows of each type by SQL. */
export interface Rows {
  api: Api;
  organization: Organization;
  organizationUuid: string;
  /** The number of rows of each type. */
  size: number;
  /** Inserts `size` rows with new IDs into the organization, and returns the IDs. */
  insert(table: string, row: (at: number) => object, count?: number): Promise<string[]>;
  /** IDs of the rows of another type, one for each row. Inserted on first use. */
  of(type: string): Promise<string[]>;
  /** Like `of`, but in tests of filters the first half is the same ID, so that a filter matches several rows. */
  refer(type: string): Promise<string[]>;
  /** In tests of filters, replaces the first half of these IDs by the first one. */
  repeat(ids: string[]): string[];
  /** The result of the first call with this key. */
  once<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** What the generated tests cannot read from the schema. */
export interface Resource {
  /** A valid input of the create mutation with all fields, and a unique name on each call. */
  create?: (fixtures: Fixtures) => Input | Promise<Input>;
  /** The input that creates an ordinary object. Defaults to `create`. */
  base?: (fixtures: Fixtures) => Input | Promise<Input>;
  /** Creates or finds an object and returns its public ID, if there is no create mutation. */
  obtain?: (fixtures: Fixtures) => string | Promise<string>;
  /** Two inputs of the update mutation with all fields but the ID. They differ in each field. */
  updates?: (fixtures: Fixtures) => [Input, Input] | Promise<[Input, Input]>;
  /** Other fields that an update of a field changes, according to its description. */
  alsoChanges?: Record<string, string[]>;
  /** Further fields that the delete mutation requires. */
  confirm?: (fixtures: Fixtures, id: string) => Promise<Input>;
  /** Inputs of other mutations, and of create, update and delete where the derived input is not valid. */
  cases?: Record<string, (fixtures: Fixtures) => Promise<Case>>;
  /** A rejected input for each mutation, or null if only its ID can be invalid. Replaces the derived inputs. */
  rejected?: (fixtures: Fixtures) => Promise<Record<string, RejectedInput | null>>;
  /** Inserts `size` rows and returns their IDs. */
  rows: (rows: Rows) => Promise<string[]>;
  /** UUID of the object whose lists have many items. Defaults to the first row. */
  parent?: (rows: Rows) => Promise<string>;
}
