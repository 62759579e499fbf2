// npm run bench: figures as ratios to a floor measured in the same run, because absolute times drift twofold on shared machines.
// node bin/bench.js [--nodes N] [--wrong SHARE] [--rounds R] [--only startup,doctor,parse,allpairs,onepair,apply] [-o json]      (docs/performance.md)
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync} from 'node:fs';
import {availableParallelism, cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {cluster, snapshotLines} from '../test/bench/generate.js';

const {values} = parseArgs({
  options: {
    nodes: {type: 'string', default: '200'},
    wrong: {type: 'string', default: '0'},
    rounds: {type: 'string', default: '7'},
    only: {type: 'string', default: 'startup,doctor,parse,allpairs,onepair,apply'},
    output: {type: 'string', short: 'o', default: 'table'},
  },
});
const nodes = Number(values.nodes);
const wrong = Number(values.wrong);
const rounds = Number(values.rounds);
const only = values.only.split(',');
if (!(nodes >= 2 && nodes <= 20_000 && wrong >= 0 && wrong <= 1 && rounds >= 1) || !['table', 'json'].includes(values.output)) {
  process.stderr.write(
    'usage: node bin/bench.js [--nodes 2…20000] [--wrong 0…1] [--rounds R] [--only startup,doctor,parse,allpairs,onepair,apply] [-o table|json]\n',
  );
  process.exit(2);
}

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const flanctl = here('run.js');
if (!existsSync(here('../oclif.manifest.json'))) {
  process.stderr.write('not built: node bin/build.js\n');
  process.exit(2);
}
const scratch = mkdtempSync(join(tmpdir(), 'flanctl-bench-'));

const say = (text) => process.stderr.write(`${text}\n`);
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor((list.length - 1) / 2)];
const round = (n, digits = 2) => Number(n.toFixed(digits));

/**
 * Runs node once; bash's `time` is the one clock of a child's user and system time that is everywhere, and the kernel's own high-water
 * mark of its memory is read by a preload as it exits. Seconds, seconds, MiB.
 */
function run(args, {memory = false, statuses = [0]} = {}) {
  const peak = join(scratch, 'peak');
  const env = {...process.env, XDG_CONFIG_HOME: scratch, ...(memory && {BENCH_PEAK: peak})};
  const preload = `data:text/javascript,${encodeURIComponent("import {writeFileSync} from 'node:fs'; process.on('exit', () => writeFileSync(process.env.BENCH_PEAK, String(process.resourceUsage().maxRSS)));")}`;
  const command = [process.execPath, ...(memory ? ['--import', preload] : []), ...args];
  const {status, stderr} = spawnSync('bash', ['-c', 'TIMEFORMAT="@ %R %U %S"; time "$@" >/dev/null', 'bench', ...command], {
    encoding: 'utf8',
    env,
    cwd: scratch,
  });
  if (!statuses.includes(status)) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  const [, real, user, system] = /@ (\S+) (\S+) (\S+)\s*$/.exec(stderr);
  return {wall: Number(real), cpu: Number(user) + Number(system), ...(memory && {peak: Number(readFileSync(peak, 'utf8')) / 1024})};
}

/** A B A B …: each round runs every candidate once, so that what else the machine does falls on all alike. */
function paired(candidates, count) {
  const taken = new Map(candidates.map(([name]) => [name, []]));
  for (const [, args, options] of candidates) run(args, options);
  for (let i = 0; i < count; i++) for (const [name, args, options] of candidates) taken.get(name).push(run(args, options));
  const [floor] = [...taken.values()];
  return [...taken].map(([name, runs]) => ({
    name,
    cpuMs: round(median(runs.map((r) => r.cpu)) * 1000, 0),
    wallMs: round(median(runs.map((r) => r.wall)) * 1000, 0),
    cpuRatio: round(median(runs.map((r, i) => r.cpu / floor[i].cpu))),
    wallRatio: round(median(runs.map((r, i) => r.wall / floor[i].wall))),
    ...(runs[0].peak !== undefined && {peakMiB: round(median(runs.map((r) => r.peak)), 0)}),
  }));
}

function write(path, count, share) {
  const file = openSync(path, 'w');
  for (const line of snapshotLines(count, {wrong: share})) writeSync(file, `${line}\n`);
  closeSync(file);
  return round(statSync(path).size / 2 ** 20, 1);
}

/** Does nothing but parse: each line of the snapshot, then what each table's command printed. No tool that reads these bytes costs less. */
const FLOOR = `
const {createReadStream} = require('node:fs');
const {createInterface} = require('node:readline');
(async () => {
  for await (const line of createInterface({input: createReadStream(process.argv[1])}))
    for (const {out} of JSON.parse(line).sections ?? []) if (out.startsWith('[') || out.startsWith('{')) JSON.parse(out);
})();`;

function startup() {
  say('start-up …');
  const small = join(scratch, 'small.ndjson');
  write(small, 3, 0);
  return {
    title: 'start-up, ratio to node -e 0',
    rows: paired(
      [
        ['node -e 0', ['-e', '0']],
        ['flanctl --version', [flanctl, '--version']],
        ['flanctl --help', [flanctl, '--help']],
        ['flanctl doctor --help', [flanctl, 'doctor', '--help']],
        ['flanctl doctor, 3 nodes', [flanctl, 'doctor', '--snapshot', small]],
      ],
      rounds,
    ),
  };
}

function doctor() {
  say(`doctor, ${nodes} nodes …`);
  const big = join(scratch, 'big.ndjson');
  const size = write(big, nodes, wrong);
  return {
    title: `doctor, ${nodes} nodes, ${size} MiB of snapshot, ${wrong * 100} % of rows wrong; ratio to JSON.parse of it`,
    rows: paired(
      [
        ['JSON.parse', ['-e', FLOOR, big], {memory: true}],
        ['flanctl doctor', [flanctl, 'doctor', '-o', 'json', '--snapshot', big], {memory: true, statuses: [0, 1]}],
        ['flanctl diff', [flanctl, 'diff', '-o', 'json', '--snapshot', big], {memory: true, statuses: [0, 1]}],
      ],
      nodes > 400 ? Math.min(rounds, 2) : rounds,
    ),
  };
}

/** In this process: JSON.parse and the table's own parser over the same text, turn and turn about. */
async function parse() {
  say('parse rates …');
  const {tables} = await import('../lib/core/kernel/index.js');
  const {readNode} = await import('../lib/core/model/read-node.js');
  const [dump] = cluster(nodes, {wrong});
  const sections = new Map(dump.sections.map((s) => [s.name, s]));
  /** Milliseconds for one run of many; a tenth of a second a sample, so that neither the clock nor one collection decides. */
  const timed = (work, repeat) => {
    const start = performance.now();
    for (let i = 0; i < repeat; i++) work();
    return (performance.now() - start) / repeat;
  };
  const repeats = (work) => {
    const end = performance.now() + 300;
    let n = 0;
    while (performance.now() < end) {
      work();
      n += 1;
    }
    return Math.max(1, Math.round(n / 3));
  };
  const measure = (name, bytes, rows, floor, work) => {
    const [m, n] = [repeats(floor), repeats(work)];
    const pairs = Array.from({length: rounds}, () => ({floor: timed(floor, m), ours: timed(work, n)}));
    const ms = median(pairs.map((p) => p.ours));
    return {
      name,
      rows,
      KiB: round(bytes / 1024, 0),
      ms: round(ms, 3),
      krowsPerSecond: round(rows / ms, 0),
      MBPerSecond: round(bytes / ms / 1000, 0),
      ratio: round(median(pairs.map((p) => p.ours / p.floor))),
    };
  };
  const rows = [];
  for (const table of Object.values(tables)) {
    for (const supply of table.supply) {
      const section = supply.sections.map((name) => sections.get(name)).find((s) => s !== undefined);
      if (!section) continue;
      const context = {command: section.command, ...(supply.family && {family: supply.family})};
      const count = table.parse(section.out, context).rows.length;
      if (count > 0)
        rows.push(
          measure(
            section.name,
            section.out.length,
            count,
            () => JSON.parse(section.out),
            () => table.parse(section.out, context),
          ),
        );
    }
  }
  const texts = dump.sections.filter((s) => /^[[{]/.test(s.out)).map((s) => s.out);
  const all = dump.sections.reduce((n, s) => n + s.out.length, 0);
  const counted = Object.values(readNode(dump).tables).reduce((n, t) => n + t.length, 0);
  rows.push(
    measure(
      'whole node',
      all,
      counted,
      () => texts.map((t) => JSON.parse(t)),
      () => readNode(dump),
    ),
  );
  return {title: `parsing one node of ${nodes}, ratio to JSON.parse of the same text`, rows};
}

/**
 * Reads generated nodes one at a time as `trace --all-pairs` does, in a process of its own, and says what reading, digests and join took; and
 * beside each reading JSON.parse of the same texts, the floor of the run.
 */
const ALL_PAIRS = `
const [, base, count] = process.argv;
const at = (path) => import(new URL(path, base));
const {cluster} = await at('../test/bench/generate.js');
const {readNode} = await at('../lib/core/model/read-node.js');
const {Surveyor} = await at('../lib/core/model/survey.js');
const {buildCluster} = await at('../lib/core/model/cluster.js');
const {peersOf} = await at('../lib/core/path/peer-index.js');
const {digest} = await at('../lib/core/path/digest.js');
const {allPairs} = await at('../lib/core/path/all-pairs.js');
const took = {floor: 0, read: 0, digest: 0};
const timed = (what, work) => {
  const start = performance.now();
  const result = work();
  took[what] += performance.now() - start;
  return result;
};
const surveyor = new Surveyor();
for (const dump of cluster(Number(count))) {
  timed('floor', () => dump.sections.map(({out}) => (/^[[{]/.test(out) ? JSON.parse(out) : out)).length);
  surveyor.add(timed('read', () => readNode(dump)));
}
const model = buildCluster(surveyor, {});
const peers = peersOf(model, 4);
const digests = new Map();
globalThis.gc();
const before = process.memoryUsage();
for (const dump of cluster(Number(count))) {
  const state = timed('read', () => readNode(dump));
  digests.set(dump.node, timed('digest', () => digest(model, state, 4, peers)));
}
globalThis.gc();
const after = process.memoryUsage();
const held = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
const start = performance.now();
const {counts} = allPairs(4, model.members.map((m) => m.name), peers, digests);
const join = performance.now() - start;
const peak = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({...took, join, counts, held: held / 2 ** 20, peak}));`;

function allpairs() {
  let last;
  const rows = [100, 300, 1000].map((count) => {
    say(`all pairs, ${count} nodes …`);
    const {status, stdout, stderr} = spawnSync(
      process.execPath,
      ['--expose-gc', '--input-type=module', '-e', ALL_PAIRS, '--', import.meta.url, String(count)],
      {encoding: 'utf8'},
    );
    if (status !== 0) throw new Error(`all pairs of ${count} nodes: ${stderr}`);
    const {floor, read, digest, join, counts, held, peak} = JSON.parse(stdout);
    const pairs = count * (count - 1);
    if (counts.reachable !== pairs) throw new Error(`all pairs of ${count} healthy nodes: ${JSON.stringify(counts)}`);
    const after = digest + join;
    const row = {
      name: `${count} nodes`,
      pairs,
      'JSON.parse ms': round(floor, 0),
      'read twice ms': round(read, 0),
      'read ratio': round(read / floor / 2),
      'digests ms': round(digest, 0),
      'join ms': round(join, 0),
      'ratio after reading': round(after / floor),
      'µs a pair': round((after * 1000) / pairs),
      'ratio growth': last === undefined ? '' : round(after / floor / last, 2),
      'held MiB': round(held, 1),
      'peak MiB': round(peak, 0),
    };
    last = after / floor;
    return row;
  });
  return {title: 'trace --all-pairs, one run each; ratios to JSON.parse of all tables once; the peak has the generator in it', rows};
}

/** One pair of a large snapshot, by two pods: the nodes on the way are read whole, of all others the outlines. */
function onepair() {
  const count = Math.max(nodes, 1000);
  say(`one pair of ${count} nodes …`);
  const big = join(scratch, 'pairs.ndjson');
  const size = write(big, count, 0);
  const rows = paired(
    [
      ['JSON.parse', ['-e', FLOOR, big], {memory: true}],
      ['trace of one pair', [flanctl, 'trace', 'n7-p1', `n${count - 7}-p1`, '-o', 'json', '--snapshot', big], {memory: true}],
      ['trace --all-pairs', [flanctl, 'trace', '--all-pairs', '-o', 'json', '--snapshot', big], {memory: true}],
    ],
    Math.min(rounds, 2),
  );
  rmSync(big);
  return {title: `trace on a snapshot of ${count} nodes, ${size} MiB; ratio to JSON.parse of it`, rows};
}

/** One node with a thousand peers: a step as the agent runs it (over a new process, journalled and on the disk) beside the same lines in a bare `ip -batch`. */
async function apply() {
  if (process.getuid?.() !== 0) return {title: 'apply: not measured, for that a network namespace is needed (root)', rows: []};
  const {openAgents} = await import('../lib/edge/change/node-agent.js');
  const {runBatches, undoBatches} = await import('../lib/core/change/batch.js');
  const setUp =
    'mount -t tmpfs tmpfs /var/lib; mount -t tmpfs tmpfs /run; ip link add eth0 type veth peer name far; ip link set far up; ' +
    'ip addr add 10.0.0.1/8 dev eth0; ip link set eth0 up; ip link add flannel.1 type vxlan id 1 dev eth0 dstport 8472 nolearning; ' +
    'ip addr add 172.16.0.0/32 dev flannel.1; ip link set flannel.1 up; echo up; exec sleep 600';
  const holder = spawn('unshare', ['-m', '-u', '-n', '-i', '-p', '-f', '--mount-proc', '--kill-child', 'sh', '-c', setUp], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const pid = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim());
  const peers = 1000;
  const list = (make) => Array.from({length: peers}, (_, i) => make(`172.${17 + (i >> 8)}.${i & 255}`, `10.1.${i >> 8}.${i & 255}`, i));
  const route = (dst, gateway, dev, flags) => ({family: 4, table: 'main', type: 'unicast', dst, gateway, dev, metric: 0, flags});
  const tunnel = list((net) => route(`${net}.0/24`, `${net}.0`, 'flannel.1', ['onlink']));
  const direct = list((net, node) => route(`${net}.0/24`, node, 'eth0', []));
  const mac = (i) => `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`;
  const replace = (on, rows, before) => rows.map((row, i) => ({on, do: 'replace', row, before: before[i]}));
  const neigh = (n) => list((net, _, i) => ({family: 4, dst: `${net}.0`, dev: 'flannel.1', lladdr: mac(i + n), state: ['PERMANENT']}));
  const fdb = (n) =>
    list((_, node, i) => ({mac: mac(i), dev: 'flannel.1', dst: n === 0 ? node : '10.2.0.1', flags: ['self'], state: 'permanent'}));
  const kinds = {route: [tunnel, direct], neigh: [neigh(0), neigh(1)], fdb: [fdb(0), fdb(1)]};
  const bare = (batches) => {
    for (const {tool, lines} of batches) {
      const {status, stderr} = spawnSync('nsenter', ['-t', String(pid), '-n', '--', tool, '-batch', '-'], {
        input: `${lines.join('\n')}\n`,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`${tool} -batch: ${stderr}`);
    }
  };
  const agents = await openAgents([{node: 'bench', via: 'netns', pid}], {transport: {sshHostKeys: 'strict', notice: () => {}}});
  const agent = agents.get('bench');
  const header = {id: '20260101-000000-0000', title: 'bench', operator: 'bench', since: new Date().toISOString(), nodes: ['bench']};
  try {
    const armed = await agent.arm(header, 600);
    if (armed.kind !== 'armed') throw new Error(`bench: ${JSON.stringify(armed)}`);
    let stage = 0;
    const rows = [];
    for (const [name, [a, b]] of Object.entries(kinds)) {
      say(`apply, ${peers} ${name} rows …`);
      const there = replace(name, b, a);
      const back = replace(name, a, b);
      bare(runBatches(back));
      const [floor, own] = [[], []];
      for (let round = 0; round < rounds; round++) {
        for (const operations of [there, back]) {
          const start = performance.now();
          bare(runBatches(operations));
          floor.push(performance.now() - start);
        }
        for (const operations of [there, back]) {
          const start = performance.now();
          const step = {stage: stage++, phase: 'build', title: `step ${stage}`, run: runBatches(operations), undo: undoBatches(operations)};
          const ran = await agent.run(header.id, step);
          own.push(performance.now() - start);
          if (ran.kind !== 'done') throw new Error(`bench: ${JSON.stringify(ran)}`);
        }
      }
      const [f, o] = [median(floor), median(own)];
      rows.push({
        name: `${peers} ${name} rows replaced`,
        ipBatchMs: round1(f),
        stepMs: round1(o),
        perSecond: Math.round((peers / o) * 1000),
        overheadMs: round1(o - f),
        ratio: round(o / f, 2),
      });
    }
    await agent.finish(header.id, 'done');
    return {title: 'apply: a journalled step on one node, beside the same lines in a bare ip -batch or bridge -batch', rows};
  } finally {
    await agent[Symbol.asyncDispose]();
    holder.kill('SIGKILL');
  }
}
const round1 = (n) => round(n, 1);

function table({title, rows}) {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [keys, ...rows.map((row) => keys.map((key) => String(row[key] ?? '')))];
  const widths = keys.map((_, i) => Math.max(...cells.map((c) => c[i].length)));
  return [
    `\n${title}`,
    ...cells.map((c) => `  ${c.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`),
  ].join('\n');
}

try {
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform} ${process.arch}`,
    rounds,
  };
  const measured = {};
  if (only.includes('startup')) measured.startup = startup();
  if (only.includes('doctor')) measured.doctor = doctor();
  if (only.includes('parse')) measured.parse = await parse();
  if (only.includes('allpairs')) measured.allpairs = allpairs();
  if (only.includes('onepair')) measured.onepair = onepair();
  if (only.includes('apply')) measured.apply = await apply();
  process.stdout.write(
    values.output === 'json'
      ? `${JSON.stringify({machine, ...measured}, null, 2)}\n`
      : `node ${machine.node}, ${machine.cores} × ${machine.cpu}, medians of ${rounds} rounds\n${Object.values(measured).map(table).join('\n')}\n`,
  );
} finally {
  rmSync(scratch, {recursive: true, force: true});
}
