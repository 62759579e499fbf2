/** For every page that flanctl writes: readable on a screen of either brightness, on a phone and on paper. */
export const style = `:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6875; --line: #d8dee5; --page: #fff; --good: #0a7a3d; --bad: #b3261e; --mild: #8a5a00;
  --good-back: #e3f4ea; --bad-back: #fbe4e2; --mild-back: #fbf0dc; --bar: #4a7fc1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #333d48; --page: #14191f; --good: #5fd08f; --bad: #ff8a80; --mild: #f0bf5f;
  --good-back: #12301f; --bad-back: #3d1916; --mild-back: #352812; --bar: #5f97dc; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 72rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.verdict { display: inline-block; margin: 0; padding: .2rem .7rem; border-radius: .3rem; font-weight: 600; }
.verdict.good { color: var(--good); background: var(--good-back); }
.verdict.bad { color: var(--bad); background: var(--bad-back); }
.verdict.mild { color: var(--mild); background: var(--mild-back); }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0 0; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.note { color: var(--soft); margin: .5rem 0; }
li { overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; }
caption { text-align: left; color: var(--soft); padding-bottom: .25rem; white-space: nowrap; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.state.done { color: var(--good); }
.state.failed, .state.undo-failed { color: var(--bad); }
.state.undone { color: var(--mild); }
.state.not-reached { color: var(--soft); }
.state { white-space: nowrap; }
.line { position: relative; display: block; width: 18rem; height: .8rem; background: var(--line); border-radius: .2rem; }
.bar { position: absolute; top: 0; height: 100%; background: var(--bar); border-radius: .2rem; }
.bar.flip { background: var(--mild); }
.matrix td, .matrix th { text-align: center; padding: .3rem .6rem; border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
.matrix .whole { color: var(--good); background: var(--good-back); }
.matrix .late { color: var(--mild); background: var(--mild-back); }
.matrix .lost { color: var(--bad); background: var(--bad-back); font-weight: 600; }
.matrix .none { color: var(--soft); }
.matrix .own { background: var(--line); }
@media print { body { margin: 0; max-width: none; } .wide { overflow: visible; } }
`;
