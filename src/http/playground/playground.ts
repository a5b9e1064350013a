import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFile, type File } from '../file.ts';
import type { HttpResponse } from '../response.ts';
import { type DemoAccounts, PAGE_HEADERS, renderPage } from './page.ts';

export interface Playground {
  page(req: IncomingMessage): Promise<HttpResponse>;
  /** A file of the page. Null if no file has this path. */
  file(path: string, req: IncomingMessage): Promise<HttpResponse | null>;
}

/** Folder of the URLs. */
export const FOLDER = '/playground/';

const folderOf = (packageName: string): string =>
  dirname(fileURLToPath(import.meta.resolve(`${packageName}/package.json`)));

const own = (name: string): string => fileURLToPath(new URL(`./browser/${name}`, import.meta.url));

/**
 * The files of the page, in the order in which they are loaded. The last ones are modules that import earlier ones.
 * This GraphiQL is the last version with CodeMirror: with Monaco the page has four times as many bytes, and needs workers and
 * `unsafe-eval`. Its file contains everything but React.
 */
const sources = (): Record<string, string> => ({
  'graphiql.css': join(folderOf('graphiql'), 'graphiql.min.css'),
  'playground.css': own('playground.css'),
  'react.js': join(folderOf('react'), 'umd/react.production.min.js'),
  'react-dom.js': join(folderOf('react-dom'), 'umd/react-dom.production.min.js'),
  'graphiql.js': join(folderOf('graphiql'), 'graphiql.min.js'),
  'session.js': own('session.js'),
  'panel.js': own('panel.js'),
  'main.js': own('main.js'),
});

const TYPES: Record<string, string> = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' };

/** `graphiql.js` becomes `graphiql.HASH.js`. A file with this name never changes, so browsers do not ask for it again. */
const hashed = (name: string, hash: string): string => name.replace(/\.(\w+)$/, `.${hash}.$1`);

interface Files {
  page: File;
  byPath: ReadonlyMap<string, File>;
}

async function load(accounts: DemoAccounts | null): Promise<Files> {
  const byPath = new Map<string, File>();
  const names: Record<string, string> = {};
  for (const [name, path] of Object.entries(sources())) {
    const text = (await readFile(path, 'utf8'))
      // The source maps are not served.
      .replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n')
      .replace(/from '\.\/([\w.]+)'/g, (_import, imported: string) => `from './${names[imported]}'`);
    const file = createFile(text, {
      'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? '',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    names[name] = hashed(name, file.hash);
    byPath.set(`${FOLDER}${names[name]}`, file);
  }
  return { page: createFile(renderPage(names, accounts), PAGE_HEADERS), byPath };
}

/** Reads the files when the first browser asks for the page, because they are larger than the rest of the server. */
export function createPlayground(accounts: DemoAccounts | null): Playground {
  let loading: Promise<Files> | undefined;
  const files = (): Promise<Files> => {
    loading ??= load(accounts).catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  return {
    page: async (req) => (await files()).page.respond(req),
    file: async (path, req) => (await (await files()).byPath.get(path)?.respond(req)) ?? null,
  };
}
