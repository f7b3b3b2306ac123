// The style sheet of a report, light and dark.

export const STYLE = `
:root { color-scheme: light dark; --plain: #2f6fdf; --line: #8884; --soft: #8882; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; white-space: normal; min-width: 9rem; }
.bar, .wide-bar { display: inline-flex; height: .8rem; background: var(--soft); border-radius: 2px; overflow: hidden; }
.bar { width: 7rem; vertical-align: middle; margin-right: .3rem; }
.wide-bar { display: flex; height: 2.2rem; }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; overflow-wrap: anywhere; }
.legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .4rem; }
.columns { list-style: none; padding: 0; display: flex; gap: 2%; max-width: 50rem; font-variant-numeric: tabular-nums; }
.columns li { flex: 1; display: flex; flex-direction: column; text-align: center; white-space: nowrap; min-width: 3.5rem; }
.columns { overflow-x: auto; }
.column { height: 12rem; display: flex; flex-direction: column-reverse; background: var(--soft); border-radius: 2px; overflow: hidden; }
.plain { background: var(--plain); }
.c0 { background: #4e79a7; } .c1 { background: #f28e2b; } .c2 { background: #59a14f; } .c3 { background: #e15759; }
.c4 { background: #b07aa1; } .c5 { background: #76b7b2; } .c6 { background: #d4b02c; } .c7 { background: #9c755f; }
.others { background: #a3abb6; } .server { background: #5a6573; } .free { background: var(--soft); }
.i0 { background: #2f6fdf; } .i1 { background: #2f6fdfb0; } .i2 { background: #d4b02c; } .i3 { background: #f28e2b; }
.i4 { background: #e15759; }
.warn { border-left: 4px solid #c60; padding-left: .6rem; }
small { opacity: .75; }
`;
