/**
 * The text as a code span of Markdown (CommonMark 6.1), in which nothing is markup. Line breaks become spaces, because an empty
 * line would end the paragraph and with it the code span.
 */
export function codeSpan(text: string): string {
  const line = text.replace(/\s+/gu, ' ');
  // A sequence of backticks ends the code span only if it is as long as the one that begins it.
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  const padding = /^[` ]|[` ]$/.test(line) ? ' ' : '';
  return `${fence}${padding}${line}${padding}${fence}`;
}
