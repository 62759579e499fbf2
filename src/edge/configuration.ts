import {readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {Failure} from '../failure.js';

/** Every flag a configuration file may set, whatever the command: one file serves them all. */
const shared = new Set([
  'snapshot',
  'inventory',
  'lab',
  'local',
  'kubeconfig',
  'context',
  'etcd-endpoints',
  'etcd-prefix',
  'etcd-cafile',
  'etcd-certfile',
  'etcd-keyfile',
  'etcd-username',
  'flannel-namespace',
  'flannel-configmap',
  'annotation-prefix',
  'cloud-routes',
  'cloud-enis',
  'cloud-groups',
  'cloud',
  'cloud-vpc',
  'via',
  'debug-image',
  'net-conf',
  'node',
  'pods',
  'timeout',
  'concurrency',
  'ssh-config',
  'ssh-host-keys',
  'fail-on',
  'rule',
  'output',
  'quiet',
  'no-color',
]);

/** One that wins puts the others out of play, whatever layer they stand in: an inventory and a kubeconfig belong together only in one layer. */
const sources = ['snapshot', 'inventory', 'lab', 'local', 'kubeconfig', 'context', 'etcd-endpoints', 'print-script'];

/** A context alone is one of the kubeconfig that stands elsewhere. */
const stays = (source: string, chosen: (name: string) => boolean): boolean =>
  source === 'kubeconfig' && sources.every((name) => chosen(name) === (name === 'context'));

const variable = (key: string): string => `FLANCTL_${key.replaceAll('-', '_').toUpperCase()}`;

/**
 * Reads flanctl.yaml and offers its keys as FLANCTL_* variables where the environment has none: flags win over environment over file.
 * @throws Failure naming the file and the key when it cannot be read or has a key that no flag has.
 */
export async function applyConfiguration(named: string | undefined, known: ReadonlySet<string>, argv: readonly string[]): Promise<void> {
  const choosesSource = known.has('snapshot');
  const flags = new Set(argv.map((word) => /^--([a-z-]+)/.exec(word)?.[1]));
  if (choosesSource && sources.some((source) => flags.has(source))) {
    const named = (name: string): boolean => flags.has(name);
    for (const source of sources) if (!named(source) && !stays(source, named)) delete process.env[variable(source)];
  }
  const chosen = (source: string): boolean => flags.has(source) || process.env[variable(source)] !== undefined;
  const closed = choosesSource ? sources.filter((source) => sources.some(chosen) && !stays(source, chosen)) : [];
  const found = await find(named);
  if (!found) return;
  for (const [key, text] of await settingsIn(found, known)) {
    if (known.has(key) && !closed.includes(key)) process.env[variable(key)] ??= text;
  }
}

/** Reads a configuration file for its mistakes only. @throws Failure as `applyConfiguration` */
export async function checkConfiguration(file: string): Promise<void> {
  const found = await find(file);
  if (found) await settingsIn(found, new Set());
}

/** The keys and values of a configuration file, lists with commas between. */
async function settingsIn(found: {file: string; text: string}, known: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  const {parse, YAMLParseError} = await import('yaml');
  let value: unknown;
  try {
    value = parse(found.text);
  } catch (error) {
    const at = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    throw new Failure(
      `${found.file}${at === undefined ? '' : `, line ${at}`}: not YAML: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
    );
  }
  if (value === null || value === undefined) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) throw new Failure(`${found.file}: must hold keys and values, one a flag`);
  const settings = new Map<string, string>();
  for (const [key, item] of Object.entries(value)) {
    if (!shared.has(key) && !known.has(key))
      throw new Failure(`${found.file}: unknown key ${JSON.stringify(key)}`, {
        hints: [`keys are the long names of flags: ${[...shared].join(', ')}`],
      });
    const items: readonly unknown[] = Array.isArray(item) ? item : [item];
    if (items.some((one) => !['string', 'number', 'boolean'].includes(typeof one))) {
      throw new Failure(`${found.file}: ${key} must be one value, or a list of values`);
    }
    settings.set(key, items.join(','));
  }
  return settings;
}

async function find(named: string | undefined): Promise<{file: string; text: string} | undefined> {
  if (named !== undefined) {
    try {
      return {file: named, text: await readFile(named, 'utf8')};
    } catch (error) {
      throw new Failure(`cannot read the configuration file ${named}: ${error instanceof Error ? error.message : String(error)}`, {
        hints: ['--config FILE or FLANCTL_CONFIG names it'],
      });
    }
  }
  const config = process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config');
  for (const file of ['flanctl.yaml', join(config, 'flanctl', 'flanctl.yaml')]) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) return {file, text};
  }
  return undefined;
}
