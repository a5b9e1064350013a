import type { Report } from './result.ts';
import { format } from './table.ts';

const WIDTH = 760;
const NAMES = 260;
const FIGURES = 110;
const ROW = 28;
const TOP = 62;

// GitHub shows the file as an image, so it follows the reader's colour scheme and has no background.
const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .what { fill: #59636e; font-size: 12px; }
  .bar { fill: #afb8c1; }
  .own { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .what { fill: #9198a1; }
    .bar { fill: #545d68; }
    .own { fill: #4493f8; }
  }`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Draws one bar per contender. The bars of Ambit have another colour. */
export function chart({ workload, what, unit, higherIsBetter, outcomes }: Report): string {
  const largest = Math.max(...outcomes.map(({ median }) => median).filter(Number.isFinite));
  const scale = (WIDTH - NAMES - FIGURES) / largest;
  const bars = outcomes.map(({ name, median }, at) => {
    const y = TOP + at * ROW;
    const length = Math.min(Math.max(median * scale, 1), WIDTH - NAMES - FIGURES).toFixed(1);
    const style = name.startsWith('Ambit') ? 'bar own' : 'bar';
    return `  <text x="${NAMES - 12}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>
  <rect class="${style}" x="${NAMES}" y="${y}" width="${length}" height="20" rx="3"/>
  <text x="${NAMES + Number(length) + 8}" y="${y + 14}">${format(median)}</text>`;
  });
  const height = TOP + outcomes.length * ROW + 8;
  const better = higherIsBetter ? 'more is better' : 'less is better';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(workload)}">
  <style>${STYLE}
  </style>
  <text class="title" x="12" y="22">${escaped(workload)}: ${escaped(unit)}, ${better}</text>
  <text class="what" x="12" y="42">${escaped(what)}</text>
${bars.join('\n')}
</svg>
`;
}
