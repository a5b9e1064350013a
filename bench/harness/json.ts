const LINE = 120;

/** Returns JSON in the format of this repository's formatter. Numbers are rounded to four significant digits. */
export function json(value: unknown): string {
  const rounded = (_key: string, one: unknown): unknown => (typeof one === 'number' ? Number(one.toPrecision(4)) : one);
  const text = JSON.stringify(value, rounded, 2);
  return `${text.replace(/^( *)(.*)\[\n([^{}[\]]*?)\n *\](,?)$/gm, onOneLine)}\n`;
}

function onOneLine(all: string, indent: string, key: string, items: string, comma: string): string {
  const line = `${indent}${key}[${items.trim().replace(/\n */g, ' ')}]${comma}`;
  return line.length <= LINE ? line : all;
}
