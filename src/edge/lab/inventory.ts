import {writeFile} from 'node:fs/promises';
import {stringify} from 'yaml';
import type {Lab} from './topology.js';

/** Writes the lab's inventory: what `--lab NAME` and `--inventory FILE` read. */
export async function writeInventory(lab: Lab): Promise<void> {
  const document = {
    apiVersion: 'flanctl.dev/v1alpha1',
    kind: 'Inventory',
    name: lab.spec.name,
    ...(lab.sshConfig !== undefined && {ssh: {config: lab.sshConfig}}),
    nodes: lab.nodes.map((node) =>
      lab.sshConfig === undefined ? {name: node.name, via: 'netns', pid: node.pid} : {name: node.name, via: 'ssh', host: node.name},
    ),
  };
  await writeFile(lab.inventory, stringify(document));
}
