import {writeFile} from 'node:fs/promises';
import {stringify} from 'yaml';
import {inventoryOf} from './inventory.js';
import type {Lab} from './topology.js';

/** Writes the lab's inventory as a file, for `--inventory`. */
export async function writeInventory(lab: Lab): Promise<void> {
  const {source: _, ...document} = inventoryOf(lab);
  await writeFile(lab.inventory, stringify({apiVersion: 'flanctl.dev/v1alpha1', kind: 'Inventory', ...document}));
}
