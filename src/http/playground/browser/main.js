import { showPanel } from './panel.js';
import { createSession } from './session.js';

const { React, ReactDOM, GraphiQL } = /** @type {any} */ (globalThis);

const DEFAULT_QUERY = `# Welcome to Ambit.
#
# 1. Sign in above.
# 2. Run this query with the button, or with Ctrl-Enter.
# 3. Look around in the documentation (book icon). It states the permission that each field requires.

query Me {
  viewer {
    user { name }
    organization { name }
    role { name }
    permissions
  }
  checks(first: 5) {
    totalCount
    nodes { name category { name } level { name } viewerPermissions }
  }
}
`;

const demo = JSON.parse(document.body.dataset.demo ?? 'null');
const root = ReactDOM.createRoot(document.querySelector('#graphiql'));
const linked = new URLSearchParams(location.search);
// A link can contain the secret of an invitation, which must not stay in the address bar and in the history.
history.replaceState(null, '', location.pathname);

/** @type {unknown} */
let schema = null;

/** @param {object} params @param {{ headers?: Record<string, string> }} options */
const fetcher = (params, { headers } = {}) => session.run(params, headers ?? {});

function render() {
  const { createElement } = React;
  root.render(
    createElement(GraphiQL, {
      fetcher,
      schema,
      defaultQuery: DEFAULT_QUERY,
      // Undefined opens the tabs of the last visit.
      query: linked.get('query') ?? undefined,
      variables: linked.get('variables') ?? undefined,
      // Neither saved by the browser nor taken from a link.
      shouldPersistHeaders: false,
      dangerouslyAssumeSchemaIsValid: true,
    }),
  );
}

/** Reads the schema as a file, because the browser keeps it: a later visit receives status 304. */
async function loadSchema() {
  const response = await session.get('schema.graphql');
  const text = await response.text();
  if (!response.ok) return;
  schema = GraphiQL.GraphQL.buildSchema(text, { assumeValidSDL: true });
  render();
}

const session = createSession((message) => {
  showPanel(session, demo, message);
  // The schema can require a credential.
  if (!schema && session.current()) void loadSchema();
});

showPanel(session, demo, '');
render();
void loadSchema();
