/** Accounts that the page offers for signing in. */
export interface DemoAccounts {
  password: string;
  accounts: readonly { email: string; label: string }[];
}

/** Nothing inline, nothing of other origins, no evaluation of text as code. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // The hash is that of the style with which GraphiQL's dialogs stop the page from scrolling.
  "style-src 'self' 'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='",
  "img-src 'self' data:",
  // GraphiQL's style sheet contains its fonts.
  'font-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  // The scripts send the form of the sign-in. Without them, the browser must not send the password.
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-cache',
  'content-security-policy': POLICY,
  // The URL of the page can contain the secret of an invitation.
  'referrer-policy': 'no-referrer',
};

/** The URLs are relative, because a proxy can serve Ambit in a folder. */
export function renderPage(names: Record<string, string>, accounts: DemoAccounts | null): string {
  const url = (name: string): string => `playground/${names[name]}`;
  const styles = ['graphiql.css', 'playground.css'].map((name) => `<link rel="stylesheet" href="${url(name)}">`);
  const modules = ['session.js', 'panel.js'].map((name) => `<link rel="modulepreload" href="${url(name)}">`);
  const scripts = ['react.js', 'react-dom.js', 'graphiql.js'].map(
    (name) => `<script defer src="${url(name)}"></script>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ambit</title>
<link rel="icon" href="data:,">
${[...styles, ...modules, ...scripts].join('\n')}
<script type="module" src="${url('main.js')}"></script>
</head>
<body${accounts ? ` data-demo="${escapeAttribute(JSON.stringify(accounts))}"` : ''}>
<noscript>The playground needs JavaScript.</noscript>
<header id="panel"></header>
<main id="graphiql"></main>
</body>
</html>
`;
}

const escapeAttribute = (text: string): string =>
  text.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
