import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';

/**
 * What the kernel of a node holds that a change could touch, sorted; ages, counters and what the kernel learns by itself are left out, and
 * the name of a veth's far end, whose index in another namespace old programs look up in their own.
 */
const listing = `ip -o link show | sed 's/^[0-9]*: //' | sed 's/ qlen [0-9]*//; s/@[^:]*:/:/; s/,M-DOWN//; s/link-netnsid [0-9]*//; s/ state [A-Z]*//; s/,LOWER_UP//; s/,NO-CARRIER//'
ip -o addr show scope global | sed 's/^[0-9]*: //; s/valid_lft.*//'
ip -4 route show table all | grep -v '^broadcast'
ip -6 route show table all | grep -v 'fe80\\|multicast\\|expires'
ip neigh show nud permanent | grep -v 'NOARP'
bridge fdb show | grep -v 'dev veth\\|dev cni0\\|33:33\\|01:00:5e'
grep . /proc/sys/net/ipv4/conf/*/rp_filter`;

export async function tables(lab: Lab, node: string): Promise<readonly string[]> {
  const ran = await runIn(lab, node, listing);
  if (ran.stderr !== '') throw new Error(`${node}: ${ran.stderr}`);
  return ran.stdout
    .trim()
    .split('\n')
    .map((line) => line.replaceAll(/[ \\]+/g, ' ').trim())
    .sort();
}

export const allTables = async (lab: Lab): Promise<{readonly [node: string]: readonly string[]}> =>
  Object.fromEntries(await Promise.all(lab.nodes.map(async (n) => [n.name, await tables(lab, n.name)] as const)));

/** Processes on the node that a change could have left, and open locks: none when all is over. */
export async function leftovers(lab: Lab, node: string): Promise<readonly string[]> {
  const ran = await runIn(
    lab,
    node,
    `for p in /proc/[0-9]*; do c=$(tr '\\0' ' ' <$p/cmdline 2>/dev/null); case $c in *agent.sh*|"sleep 1 ") echo "$c";; esac; done
[ ! -e /var/lib/flanctl/lock ] || flock -n /var/lib/flanctl/lock true || echo the lock is held
find /var/lib/flanctl -name 'agent.sh' -o -name '*.new' -o -name payload -o -name running -o -name guard`,
  );
  return ran.stdout.split('\n').filter((line) => line !== '');
}
