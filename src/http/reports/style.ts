import { createHash } from 'node:crypto';

/** The style of all pages. It is part of each page, so that a saved or printed page looks the same. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #14171c);
  --panel: light-dark(#f5f6f8, #1d2128);
  --line: light-dark(#d4d8de, #39404b);
  --text: light-dark(#1a1e24, #e8ebef);
  --quiet: light-dark(#545c67, #a3acb8);
  --accent: light-dark(#1f5fbf, #7fb2ff);
  --on-accent: light-dark(#ffffff, #0d1420);
  --error: light-dark(#b3261e, #ff9d94);
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere;
}
a { color: var(--accent); }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 1rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem 1rem; }
.bar {
  display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem;
  padding: .5rem 1rem; border-bottom: 1px solid var(--line); background: var(--panel);
}
.bar .who { margin-left: auto; color: var(--quiet); }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
.narrow { max-width: 25rem; padding-top: 8vh; }
.quiet { color: var(--quiet); }
label, legend { display: block; font-weight: 600; margin-top: 1rem; }
input:not([type=radio]) {
  width: 100%; margin-top: .25rem; padding: .6rem .7rem; font: inherit; color: inherit;
  background: var(--ground); border: 1px solid var(--quiet); border-radius: .4rem;
}
input[aria-invalid=true] { border-color: var(--error); }
fieldset { border: 0; margin: 0; padding: 0; }
.choice { display: flex; gap: .6rem; align-items: baseline; font-weight: 400; padding: .3rem 0; }
.choice { margin-top: 0; }
.error { color: var(--error); border-left: .25rem solid currentColor; padding-left: .75rem; }
button {
  font: inherit; font-weight: 600; cursor: pointer; padding: .6rem 1.1rem; border-radius: .4rem;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent);
}
form > button { margin-top: 1.5rem; }
.bar form { display: inline; }
.bar button { margin: 0; padding: .2rem .7rem; background: none; color: var(--accent); }
dt { color: var(--quiet); margin-top: .75rem; }
dd { margin: 0; }
code { font-size: .95em; }
@media print { .bar form, .bar nav, .skip { display: none; } }
`;

export const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
