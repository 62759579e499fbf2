import type {NodeDump} from '../../core/node/dump.js';
import type {NodeAddress} from '../transports/transport.js';
import {oneLine} from '../ui/escape.js';
import {type GatherOptions, gather} from './gather.js';

/** Gathers with a task list on a terminal, plain lines where there is none, and nothing with --quiet. All on stderr. */
export async function gatherWithProgress(
  addresses: readonly NodeAddress[],
  options: GatherOptions,
  {quiet, notice}: {readonly quiet: boolean; readonly notice: (message: string) => void},
): Promise<readonly NodeDump[]> {
  if (quiet || process.stderr.isTTY !== true) {
    const dumps = await collect(gather(addresses, options));
    const failed = dumps.filter((d) => d.failure);
    if (!quiet) {
      notice(`read ${dumps.length - failed.length} of ${dumps.length} nodes`);
      for (const dump of failed) notice(`${dump.node}: ${oneLine(dump.failure!.message)}`);
    }
    return dumps;
  }
  const {taskList} = await import('../ui/task-list.js');
  let dumps: readonly NodeDump[] = [];
  await taskList([
    {
      title: `reading ${addresses.length} ${addresses.length === 1 ? 'node' : 'nodes'}`,
      task: async (_, task) => {
        let done = 0;
        const broken: string[] = [];
        dumps = await collect(
          gather(addresses, {
            ...options,
            onNode: (event) => {
              if (event.kind === 'started') return;
              done += 1;
              if (event.kind === 'failed') broken.push(event.node);
              task.output = `${done} of ${addresses.length}${notReadable(broken)}`;
            },
          }),
        );
        const ok = dumps.filter((d) => !d.failure).length;
        task.title = `read ${ok} of ${dumps.length} nodes${notReadable(broken)}`;
      },
    },
  ]);
  return dumps;
}

/** Five names at most: the report has them all, with the reason. */
const notReadable = (nodes: readonly string[]): string =>
  nodes.length === 0
    ? ''
    : `, not readable: ${oneLine(nodes.slice(0, 5).join(', '))}${nodes.length > 5 ? ` and ${nodes.length - 5} more` : ''}`;

async function collect(dumps: AsyncIterable<NodeDump>): Promise<readonly NodeDump[]> {
  const all: NodeDump[] = [];
  for await (const dump of dumps) all.push(dump);
  return all;
}
