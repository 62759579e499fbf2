import type {Inventory, InventoryNode} from '../../core/model/inventory.js';
import type {Lab} from './topology.js';

/** The lab's nodes as an inventory: what its file says, without reading that. */
export const inventoryOf = ({inventory, spec, sshConfig, nodes}: Lab): Inventory => ({
  source: inventory,
  name: spec.name,
  ...(sshConfig !== undefined && {ssh: {config: sshConfig}}),
  nodes: nodes.map(
    ({name, pid}): InventoryNode =>
      sshConfig === undefined ? {name, via: 'netns', ...(pid !== undefined && {pid})} : {name, via: 'ssh', host: name},
  ),
});
