import {readNode} from '../../src/core/model/read-node.js';
import type {NodeView} from '../../src/core/model/view.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {NodeState} from '../../src/core/node/state.js';
import {survey, views} from '../../src/edge/diagnose.js';
import {gather} from '../../src/edge/gather/gather.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {transports} from '../../src/edge/transports/index.js';
import type {NodeAddress, Transport} from '../../src/edge/transports/transport.js';

/** How a lab's nodes are reached: by SSH where it has servers. */
export const addressesOf = (lab: Lab): readonly NodeAddress[] =>
  lab.nodes.map(({name, pid}) => (lab.spec.ssh ? {node: name, via: 'ssh', host: name} : {node: name, via: 'netns', pid: pid!}));

export const transportOf = (lab: Lab) => ({
  sshHostKeys: 'strict' as const,
  notice: () => {},
  ...(lab.sshConfig !== undefined && {sshConfig: lab.sshConfig}),
});

export async function dumpsOf(lab: Lab, only?: readonly string[]): Promise<readonly NodeDump[]> {
  const dumps: NodeDump[] = [];
  const addresses = addressesOf(lab).filter((a) => only === undefined || only.includes(a.node));
  for await (const dump of gather(addresses, {transport: transportOf(lab)})) dumps.push(dump);
  return dumps;
}

export async function statesOf(lab: Lab, only?: readonly string[]): Promise<readonly NodeState[]> {
  return (await dumpsOf(lab, only)).map(readNode);
}

export async function viewsOf(lab: Lab): Promise<readonly NodeView[]> {
  const dumps = await dumpsOf(lab);
  const {cluster, states} = await survey(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {netConf: lab.netConf},
  );
  const seen: NodeView[] = [];
  for await (const one of views(cluster, states())) seen.push(one);
  return seen;
}

/** A connection to every node, kept until disposed. */
export async function connect(lab: Lab): Promise<ReadonlyMap<string, Transport> & AsyncDisposable> {
  const open = await Promise.all(
    addressesOf(lab).map(
      async (address) =>
        [address.node, await (await transports[address.via]())(address, transportOf(lab), AbortSignal.timeout(30_000))] as const,
    ),
  );
  return Object.assign(new Map(open), {
    async [Symbol.asyncDispose]() {
      await Promise.all(open.map(([, transport]) => transport[Symbol.asyncDispose]()));
    },
  });
}
