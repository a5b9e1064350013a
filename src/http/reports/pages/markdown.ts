import createMarkdownIt, { type MarkdownIt } from 'markdown-it';
import { h, type ReactElement } from './element.ts';

const REL = 'nofollow noopener noreferrer';
const ALLOWED = /^(https?|mailto):/i;

/** Only absolute links to web pages and e-mail addresses. markdown-it itself allows some `data:` URLs and relative links. */
const isAllowed = (url: string): boolean => ALLOWED.test(url.trim());

function createMarkdown(): MarkdownIt {
  // Images are not loaded: they would tell their server who reads the report, and the policy of the page forbids them.
  const markdown = createMarkdownIt({ html: false, linkify: false }).disable('image');
  markdown.validateLink = isAllowed;
  markdown.renderer.rules['link_open'] = (tokens, index, options, _env, self) => {
    tokens[index]?.attrSet('rel', REL);
    return self.renderToken(tokens, index, options);
  };
  // Headings of the text must not disturb the outline of the page, and a table may be wider than the page.
  markdown.renderer.rules['heading_open'] = () => '<p><strong>';
  markdown.renderer.rules['heading_close'] = () => '</strong></p>\n';
  markdown.renderer.rules['table_open'] = () => '<div class="wide"><table>\n';
  markdown.renderer.rules['table_close'] = () => '</table></div>\n';
  // The alignment of columns would be a style attribute, which the policy of the page forbids.
  for (const name of ['th_open', 'td_open'])
    markdown.renderer.rules[name] = (tokens, index) => `<${tokens[index]?.tag}>`;
  return markdown;
}

const MARKDOWN = createMarkdown();
const WITHOUT_TABLES = createMarkdown().disable('table');

/**
 * Whether the tables of the text have at most as many cells as it has characters. markdown-it fills up each row to the number
 * of columns. So 1,000 characters could become 40,000 cells, for which the page would need 0.3 s.
 */
const hasSmallTables = (text: string): boolean =>
  text
    .replace(/\r\n?/g, '\n')
    .split(/\n[ \t]*\n/)
    .every((block) => {
      const lines = block.split('\n');
      const columns = lines.reduce((most, line) => Math.max(most, line.split('|').length), 0);
      return columns * lines.length <= block.length + 1;
    });

/** Text of users as HTML. HTML in the text is shown as text, and so are tables that most rows do not fill. */
export function markdown(text: string): ReactElement {
  const renderer = hasSmallTables(text) ? MARKDOWN : WITHOUT_TABLES;
  return h('div', { className: 'prose', dangerouslySetInnerHTML: { __html: renderer.render(text) } });
}
