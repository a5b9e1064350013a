import { cellOf, csv } from '../../lib/csv.ts';

/** A service in a file. References are aliases, or IDs of objects without an alias. */
export interface ServiceRecord {
  id: string;
  name: string;
  aliases: string[];
  description: string | null;
  owner: string | null;
  tier: string | null;
  lifecycle: string | null;
  language: string | null;
  framework: string | null;
  tags: { key: string; value: string }[];
  links: { name: string; url: string; category: string | null }[];
  dependencies: string[];
  properties: Record<string, unknown>;
  level: string | null;
  lastDeployAt: string | null;
  lastDeployVersion: string | null;
  lastDeployDescription: string | null;
  createdAt: string;
  updatedAt: string;
}

/** The columns of a file, in this order, and whether an import writes them. New ones are added at the end. */
export const COLUMNS: Readonly<Record<keyof ServiceRecord, 'text' | 'json' | 'ignored'>> = {
  id: 'ignored',
  name: 'text',
  aliases: 'json',
  description: 'text',
  owner: 'text',
  tier: 'text',
  lifecycle: 'text',
  language: 'text',
  framework: 'text',
  tags: 'json',
  links: 'json',
  dependencies: 'json',
  properties: 'json',
  level: 'ignored',
  lastDeployAt: 'ignored',
  lastDeployVersion: 'ignored',
  lastDeployDescription: 'ignored',
  createdAt: 'ignored',
  updatedAt: 'ignored',
};

export const isColumn = (name: string): name is keyof ServiceRecord => Object.hasOwn(COLUMNS, name);

/** A file format of exports. */
export interface ServiceFormat {
  readonly mediaType: string;
  /** The text before the first service. */
  readonly head: string;
  lines(records: readonly ServiceRecord[]): string;
}

const NAMES = Object.keys(COLUMNS) as (keyof ServiceRecord)[];

export const FORMATS: Readonly<Record<'csv' | 'jsonl', ServiceFormat>> = {
  csv: {
    mediaType: 'text/csv; charset=utf-8; header=present',
    head: csv([NAMES]),
    lines: (records) => csv(records.map((record) => NAMES.map((name) => cellOf(record[name])))),
  },
  jsonl: {
    mediaType: 'application/jsonl; charset=utf-8',
    head: '',
    lines: (records) => records.map((record) => `${JSON.stringify(record)}\n`).join(''),
  },
};
