import {checkConfiguration} from '../configuration.js';
import type {InitReport} from '../reporters/documents.js';
import {asker} from './ask.js';
import {type InitFlags, look} from './look.js';
import {configurationText, type Found, inventoryText} from './text.js';
import {type NewFile, writeFiles} from './write.js';

export interface InitWish extends InitFlags {
  readonly file: string;
  readonly 'write-inventory'?: string | undefined;
  readonly 'ssh-user'?: string | undefined;
  readonly 'ssh-port'?: number | undefined;
  readonly 'ssh-config'?: string | undefined;
  readonly force: boolean;
}

/**
 * Finds the cluster, asks on a terminal what cannot be found out (whether to write an inventory, and who logs in), and writes what makes
 * every other command find it again. @throws Failure when there is nothing to find, or a file is there already
 */
export async function initialize(wish: InitWish, signal: AbortSignal): Promise<InitReport> {
  const found = await look(wish, signal);
  const {inventory, user} = await answers(wish, found, signal);
  const settings = {
    ...found.settings,
    ...(wish['ssh-config'] !== undefined && {'ssh-config': wish['ssh-config']}),
  };
  const files: NewFile[] = [];
  // It does not go into the configuration: a node that joins later is on no list that was written before, and would not be looked at.
  if (inventory !== undefined) {
    const {readInventory} = await import('../sources/inventory.js');
    files.push({path: inventory, text: inventoryText(found.from, found.nodes, {user, port: wish['ssh-port']}), check: readInventory});
  }
  files.push({path: wish.file, text: configurationText(found.from, settings), check: checkConfiguration});
  await writeFiles(files, wish.force);
  return {
    from: found.from,
    mode: found.mode ?? null,
    networks: found.networks,
    configuration: found.configuration ?? null,
    nodes: found.nodes.map(({name, host}) => ({name, host: host ?? null})),
    settings: Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
    files: files.map((file) => file.path),
    gaps: found.gaps,
    next: [
      'flanctl doctor',
      ...(inventory === undefined ? [] : [`flanctl doctor --inventory ${inventory}  # without asking ${found.from}`]),
    ],
  };
}

/** An inventory can be made of nodes that somebody else listed; where it is one, or this machine alone, there is nothing to ask. */
async function answers(
  wish: InitWish,
  {settings, nodes, from}: Found,
  signal: AbortSignal,
): Promise<{readonly inventory?: string; readonly user?: string}> {
  if (settings['inventory'] !== undefined || settings['local'] === true || nodes.length === 0) return {};
  using terminal = asker(signal);
  const question = `${nodes.length} nodes from ${from}. Write an inventory too, for when it cannot be asked? A file name, or no`;
  const inventory = wish['write-inventory'] ?? (await terminal.ask(question, 'no'));
  if (inventory === 'no') return {};
  const user = wish['ssh-user'] ?? (await terminal.ask('Who logs in on the nodes over SSH?', 'as ssh_config says'));
  return {inventory, ...(user !== 'as ssh_config says' && {user})};
}
