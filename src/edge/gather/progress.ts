import type {NodeDump} from '../../core/model/snapshot.js';
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
  const {Listr, ListrLogger, ProcessOutput} = await import('listr2');
  // Results own stdout; listr2 would write there.
  const logger = new ListrLogger({useIcons: true, processOutput: new ProcessOutput(process.stderr, process.stderr)});
  let dumps: readonly NodeDump[] = [];
  const list = new Listr(
    [
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
                task.output = `${done} of ${addresses.length}${broken.length > 0 ? `, not readable: ${oneLine(broken.slice(0, 5).join(' '))}` : ''}`;
              },
            }),
          );
          const ok = dumps.filter((d) => !d.failure).length;
          task.title = `read ${ok} of ${dumps.length} nodes`;
        },
      },
    ],
    {rendererOptions: {logger}, fallbackRenderer: 'simple', fallbackRendererOptions: {logger}, registerSignalListeners: false},
  );
  await list.run();
  return dumps;
}

async function collect(dumps: AsyncIterable<NodeDump>): Promise<readonly NodeDump[]> {
  const all: NodeDump[] = [];
  for await (const dump of dumps) all.push(dump);
  return all;
}
