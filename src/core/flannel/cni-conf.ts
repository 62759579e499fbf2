/** One file of the CNI folder, in the order the runtime reads them (lexical; the first usable one wins). */
export interface CniFile {
  readonly name: string;
  readonly command: string;
  readonly text: string;
  /** Absent when the text is not JSON. */
  readonly conf?: CniConf;
}

export interface CniConf {
  readonly name?: string;
  readonly cniVersion?: string;
  readonly plugins: readonly CniPlugin[];
}

export interface CniPlugin {
  readonly type: string;
  /** The bridge's name, hairpinMode, mtu, … of flannel's delegate, or of the plugin itself. */
  readonly options: {readonly [key: string]: unknown};
}

const object = (value: unknown): {readonly [key: string]: unknown} =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as {readonly [key: string]: unknown}) : {};

/** Reads a `.conflist` (a list of plugins) or a `.conf` (one plugin). */
export function readCniFile(name: string, text: string, command: string): CniFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {name, command, text};
  }
  const top = object(value);
  const list = Array.isArray(top['plugins']) ? top['plugins'].map(object) : [top];
  return {
    name,
    command,
    text,
    conf: {
      ...(typeof top['name'] === 'string' && {name: top['name']}),
      ...(typeof top['cniVersion'] === 'string' && {cniVersion: top['cniVersion']}),
      plugins: list.flatMap((item) => {
        const type = item['type'];
        return typeof type === 'string' ? [{type, options: type === 'flannel' ? object(item['delegate']) : item}] : [];
      }),
    },
  };
}

/** The bridge that flannel's delegate uses; `cni0` unless the configuration says otherwise. */
export function bridgeName(files: readonly CniFile[]): string {
  const flannel = files.find((file) => file.conf?.plugins.some((p) => p.type === 'flannel'));
  const name = flannel?.conf?.plugins.find((p) => p.type === 'flannel')?.options['bridge'];
  return typeof name === 'string' && name !== '' ? name : 'cni0';
}
