import {isDeepStrictEqual} from 'node:util';
import pMap from 'p-map';
import {parse} from 'yaml';
import {runBatches, undoBatches} from '../../../core/change/batch.js';
import type {FileOperation} from '../../../core/change/operation.js';
import {quoted} from '../../../core/change/operations/kind.js';
import {foldKeys} from '../../../core/flannel/net-conf.js';
import {ExitCode} from '../../../exit-code.js';
import {Failure} from '../../../failure.js';
import {oneLine} from '../../ui/escape.js';
import {asRoot} from '../control/as-root.js';
import {restart, sh, type Test} from '../control/restart.js';
import type {ChangeStage} from '../stages.js';
import type {Controller, ControllerContext} from './controller.js';

/**
 * k3s's unit and the words it is started with (its process hides them, for the token in them), then its configuration, then the net-conf.json
 * that it wrote when it started. Base64, so that no line of a file is taken for one of ours.
 */
const look = `for unit in k3s k3s-agent; do
  systemctl is-active --quiet $unit || continue
  echo "unit $unit"
  systemctl show -p ExecStart $unit | sed -n 's/.*argv\\[\\]=\\(.*\\) ; ignore_errors.*/exec \\1/p'
  # As k3s's installer leaves what --server is not said by.
  if grep -q '^K3S_URL=.' /etc/systemd/system/$unit.service.env 2>/dev/null; then echo 'joins another'; fi
  break
done
for file in /etc/rancher/k3s/config.yaml /etc/rancher/k3s/config.yaml.d/*.yaml; do
  if [ -f "$file" ]; then echo "file $file $(base64 <"$file" | tr -d '\\n')"; fi
done
echo end`;

interface Found {
  readonly node: string;
  readonly unit: 'k3s' | 'k3s-agent';
  /** A server that joins another: it does not start with another backend than that one has. */
  readonly joins: boolean;
  /** As k3s reads them: the later ones win. */
  readonly files: readonly {readonly path: string; readonly text: string}[];
  /** Where k3s writes what its flannel is given, at every start. */
  readonly netConfPath: string;
  readonly netConf: unknown;
}

/** Flannel inside k3s: its servers' configuration says the backend, and an agent asks a server when it starts (flannel-backends.md §8). */
export const k3s: Controller = {
  kind: 'k3s',
  async look(context) {
    const found = await pMap(context.nodes, (node) => inspect(node, context), {concurrency: 16});
    const servers = found.filter((f) => f.unit === 'k3s');
    const [first] = found;
    if (!first) return undefined;
    if (servers.length === 0) throw refusal(first.node, 'none of these nodes is a server of k3s, and only servers say the backend');
    const other = found.find((f) => !isDeepStrictEqual(f.netConf, first.netConf));
    if (other) throw refusal(other.node, `its flannel was given another configuration than that of ${first.node} (${other.netConfPath})`);
    return {
      netConf: first.netConf,
      settled: ({type, settings}) => ({type, settings: type === 'wireguard' ? {...settings, keepalive: KEEPALIVE} : settings}),
      stages: (after, order) =>
        stagesOf(
          found.toSorted((a, b) => order.indexOf(a.node) - order.indexOf(b.node)),
          wanted(after),
        ),
    };
  },
};

/**
 * The server that the others joined first: they ask it when they start, and end with "critical configuration value mismatch" when it has another
 * backend than theirs. Then the others, then agents, who ask any server. On the way back it must be the same order again, and stages are
 * undone last first: so what undoes a restart stands before the stages of those who are asked, with nothing to do on the way there.
 */
function stagesOf(found: readonly Found[], {word, type}: Wanted): readonly ChangeStage[] {
  const firsts = found.filter((f) => f.unit === 'k3s' && !f.joins);
  const followers = [...found.filter((f) => f.unit === 'k3s' && f.joins), ...found.filter((f) => f.unit === 'k3s-agent')];
  const control = (title: string, work: ChangeStage['work'][number]): ChangeStage => ({phase: 'control', title, work: [work]});
  const called = ({unit, node}: Found): string => (unit === 'k3s' ? `k3s of ${node}, a server,` : `k3s-agent of ${node}`);
  const files = (f: Found): readonly FileOperation[] => (f.unit === 'k3s' ? [edit(f, word)] : []);
  const start = ({unit, netConfPath}: Found, type: string): string =>
    restart(unit, SUBNET_ENV, {after: given(netConfPath, type, `${unit} was restarted, and its flannel was not given ${type}`)});
  const there = (f: Found) => [...runBatches(files(f)), sh(start(f, type))];
  return [
    ...followers.toReversed().map((f) => {
      const was = typeOf(f.netConf);
      // One that was not restarted runs with its old configuration still.
      const back = `if systemctl is-active --quiet ${f.unit} && ${given(f.netConfPath, was, '').test}; then exit 0; fi; ${start(f, was)}`;
      return control(`${called(f)} would ask again, on the way back`, {node: f.node, run: [], undo: [sh(back)]});
    }),
    ...firsts.map((f) =>
      control(`${called(f)} is restarted`, {
        node: f.node,
        run: there(f),
        undo: [...undoBatches(files(f)), sh(start(f, typeOf(f.netConf)))],
      }),
    ),
    // Their files are put back at once, and their restart waits for its turn.
    ...followers.map((f) => control(`${called(f)} is restarted`, {node: f.node, run: there(f), undo: undoBatches(files(f))})),
  ];
}

const SUBNET_ENV = '/run/flannel/subnet.env';

/** Its flannel was given this backend; `wireguard-native` is `wireguard` there. */
const given = (path: string, type: string, otherwise: string): Test => ({
  test: `grep -qE ${quoted(`"[Tt]ype"[[:space:]]*:[[:space:]]*"${type}"`)} ${quoted(path)}`,
  else: otherwise,
});

const typeOf = (netConf: unknown): string => String(foldKeys(foldKeys(netConf)['backend'])['type'] ?? 'vxlan');

/** What `--flannel-backend` is to say, and the type that k3s then gives its flannel. */
interface Wanted {
  readonly word: string;
  readonly type: string;
}

const words: {readonly [type: string]: string} = {vxlan: 'vxlan', 'host-gw': 'host-gw', wireguard: 'wireguard-native'};

/** What k3s writes for wireguard-native, seconds (k3s pkg/agent/flannel/setup.go; flannel-backends.md §8). */
const KEEPALIVE = 25;

/** Settings that k3s writes of each backend, as flannel reads them; it has no word for any other value. */
const fixed: {readonly [key: string]: unknown} = {
  vni: 1,
  port: 8472,
  directrouting: false,
  listenport: 51820,
  listenportv6: 51821,
  mode: 'separate',
  psk: '',
  persistentkeepaliveinterval: KEEPALIVE,
};

/** @throws Failure for what k3s has no word for */
function wanted(after: unknown): Wanted {
  const {type: named = 'vxlan', ...settings} = foldKeys(foldKeys(after)['backend']);
  const type = String(named);
  const word = words[type];
  if (word !== undefined && Object.entries(fixed).every(([key, value]) => (settings[key] ?? value) === value)) return {word, type};
  throw new Failure('k3s has no word for that backend: it knows vxlan, host-gw and wireguard-native, and no settings of theirs', {
    exit: ExitCode.findings,
    hints: ['leave out --vni, --vxlan-port and --direct-routing'],
  });
}

const line = /^(["']?)flannel-backend\1[ \t]*:.*$/m;

/** The one line that says it, in the last file that does; else a new line at the end of config.yaml. */
function edit({node, files}: Found, word: string): FileOperation {
  const said = files.findLast(({text}) => line.test(text));
  const {path, text} = said ?? files.find((f) => f.path === CONFIG) ?? {path: CONFIG, text: undefined};
  const to =
    said === undefined
      ? `${text ?? ''}${text === undefined || text === '' || text.endsWith('\n') ? '' : '\n'}flannel-backend: ${word}\n`
      : said.text.replace(line, `flannel-backend: ${word}`);
  // Read again, as k3s will: a line inside a block of text, or a document of another shape, is not what it looks like.
  if (backendIn(node, path, to) !== word) throw refusal(node, `${path} cannot be edited by line`, `write flannel-backend: ${word} there`);
  return {on: 'file', do: 'replace', path, to, before: text};
}

const CONFIG = '/etc/rancher/k3s/config.yaml';

function mapping(node: string, path: string, text: string): {readonly [key: string]: unknown} {
  try {
    const value: unknown = parse(text);
    if (value === null || value === undefined) return {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as {readonly [key: string]: unknown};
  } catch {
    // Said below.
  }
  throw refusal(node, `${path} is no mapping of YAML`);
}

const backendIn = (node: string, path: string, text: string): unknown => mapping(node, path, text)['flannel-backend'];

async function inspect(node: string, {runners, signal}: ControllerContext): Promise<Found> {
  const runner = runners.get(node)!;
  const {out} = await asRoot(runner, look, signal);
  const lines = out.split('\n');
  const rest = (word: string): readonly string[] => lines.filter((l) => l.startsWith(`${word} `)).map((l) => l.slice(word.length + 1));
  const [unit] = rest('unit');
  if (unit !== 'k3s' && unit !== 'k3s-agent') throw refusal(node, 'no k3s runs there as a unit k3s or k3s-agent');
  const words = (rest('exec')[0] ?? '').split(' ');
  const flag = (name: string): string | undefined => {
    const at = words.findIndex((w) => w === `--${name}` || w.startsWith(`--${name}=`));
    return at < 0 ? undefined : (words[at]!.split('=')[1] ?? words[at + 1] ?? '');
  };
  const stated = flag('flannel-backend');
  if (unit === 'k3s' && stated !== undefined)
    throw refusal(
      node,
      `its unit says --flannel-backend ${oneLine(stated)}, which wins over its configuration`,
      `systemctl edit --full k3s: take --flannel-backend=${oneLine(stated)} out of ExecStart`,
      `write flannel-backend: ${oneLine(stated)} to ${CONFIG}, on every server; nothing needs to be restarted for that`,
    );
  const away = flag('config') ?? (words.includes('-c') ? words[words.indexOf('-c') + 1] : undefined);
  if (away !== undefined && away !== CONFIG) throw refusal(node, `its configuration is in ${oneLine(away)}, where flanctl does not look`);
  const files = rest('file').map((text) => {
    const [path, coded = ''] = text.split(' ');
    return {path: path!, text: Buffer.from(coded, 'base64').toString()};
  });
  // config.yaml is read first, then those of config.yaml.d by name: as the shell lists them.
  const settings = Object.assign({}, ...files.map(({path, text}) => mapping(node, path, text))) as {readonly [key: string]: unknown};
  const joins = unit === 'k3s' && (flag('server') ?? settings['server'] ?? rest('joins')[0]) !== undefined;
  const own = flag('flannel-conf') ?? settings['flannel-conf'];
  if (own !== undefined)
    throw refusal(node, `its flannel has a configuration of its own (${oneLine(String(own))}), which k3s does not write`);
  const netConfPath = `${String(flag('data-dir') ?? settings['data-dir'] ?? '/var/lib/rancher/k3s')}/agent/etc/flannel/net-conf.json`;
  const read = await asRoot(runner, `cat ${quoted(netConfPath)}`, signal);
  if (read.code !== 0) throw refusal(node, `its flannel's configuration cannot be read: ${oneLine(read.said)}`);
  try {
    return {node, unit, joins, files, netConfPath, netConf: JSON.parse(read.out) as unknown};
  } catch {
    throw refusal(node, `${netConfPath} is not JSON`);
  }
}

const refusal = (node: string, what: string, ...hints: string[]): Failure =>
  new Failure(`${node}: ${what}`, {exit: ExitCode.findings, hints});
