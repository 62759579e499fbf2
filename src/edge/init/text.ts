import {Document, stringify} from 'yaml';
import type {RecordGap} from '../../core/flannel/records.js';

/** Keys of flanctl.yaml: long names of flags. What is undefined is left out. */
export type Settings = {readonly [key: string]: string | boolean | number | readonly string[] | undefined};

/** What there is to work with. */
export interface Found {
  /** For people: `context admin@prod`. */
  readonly from: string;
  readonly settings: Settings;
  readonly nodes: readonly {readonly name: string; readonly host?: string}[];
  readonly mode?: string | undefined;
  readonly networks: readonly string[];
  /** Where flannel's configuration was found. */
  readonly configuration?: string | undefined;
  readonly gaps: readonly RecordGap[];
}

/** How the nodes are reached over SSH, beside what ssh_config says. */
export interface Login {
  readonly user?: string | undefined;
  readonly port?: number | undefined;
}

const known = (settings: Settings): {readonly [key: string]: unknown} =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));

/** flanctl.yaml, which names no time, so that the same findings give the same file. */
export function configurationText(from: string, settings: Settings): string {
  const document = new Document(known(settings));
  document.commentBefore = ` Written by flanctl init from ${from}.\n Every key is the long name of a flag; flags and FLANCTL_… win over this file.`;
  return document.toString({lineWidth: 0});
}

/** An inventory of the nodes, to reach them when nobody else can say where they are. */
export function inventoryText(from: string, nodes: Found['nodes'], {user, port}: Login): string {
  const ssh = {...(user !== undefined && {user}), ...(port !== undefined && {port})};
  const text = stringify(
    {
      apiVersion: 'flanctl.dev/v1alpha1',
      kind: 'Inventory',
      ...(Object.keys(ssh).length > 0 && {ssh}),
      nodes: nodes.map(({name, host}) => ({name, ...(host !== undefined && host !== name && {host})})),
    },
    {lineWidth: 0},
  );
  return `# The nodes as ${from} listed them. Names, addresses and logins of ssh_config work as \`host\`; \`user\` and \`port\` may stand at a node.\n${text}`;
}
