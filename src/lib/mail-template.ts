/** A part of a message: a paragraph, which can have several lines, or a link with the sentence before it. */
export type MailPart = { lines: readonly string[] } | { sentence: string; label: string; href: string };

export interface MailText {
  text: string;
  html: string;
}

/** Renders a message as plain text and as HTML with the same content. */
export const renderMail = (title: string, parts: readonly MailPart[]): MailText => ({
  text: parts.map(textOf).join('\n\n'),
  html: page(title, parts.map(htmlOf).join('\n')),
});

const textOf = (part: MailPart): string => ('href' in part ? `${part.sentence}:\n${part.href}` : part.lines.join('\n'));

const htmlOf = (part: MailPart): string =>
  'href' in part
    ? `<p>${escapeHtml(part.sentence)}:</p>\n<p><a href="${escapeHtml(part.href)}">${escapeHtml(part.label)}</a></p>`
    : `<p>${part.lines.map(escapeHtml).join('<br>\n')}</p>`;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

/**
 * A name that anybody can choose, as mail shows it: on one line, and without anything that a mail program
 * turns into a link. A space after each dot, colon, slash and @ ends a URL or an address. Characters that look like these
 * are folded first, and so are full stops of other scripts, which a browser takes as dots.
 */
export const plainName = (name: string): string => {
  const line = name
    .normalize('NFKC')
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[。｡．]/gu, '.')
    .replace(/["“”„«»]/gu, "'");
  return line.replace(/([.:/\\@])(?=\S)/gu, '$1 ').trim();
};

export const quotedName = (name: string): string => `"${plainName(name)}"`;

/** Sets no colors, so that the mail program uses its own, also in dark mode. Loads nothing from other servers. */
const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(title)}</title>
<style>:root { color-scheme: light dark; }</style>
</head>
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; max-width: 40em; margin: 1em;">
${body}
</body>
</html>
`;
