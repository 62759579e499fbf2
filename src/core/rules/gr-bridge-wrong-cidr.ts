import {type Address, address as addresses} from '../kernel/address.js';
import {addressDelete, addressReplace} from '../kernel/commands.js';
import {rightAddress} from '../model/bridged-node.js';
import {network} from '../net/prefix.js';
import {globalRouterRule} from './global-router.js';
import {step} from './remedy.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const grBridgeWrongCidr = globalRouterRule({
  id: 'gr-bridge-wrong-cidr',
  stage: 'device',
  severity: 'error',
  holds: "The bridge's address is the first one of the node's podCIDR, with its mask.",
  cause: 'The podCIDR changed, or the CNI configuration was made anew for another one while the bridge stayed.',
  effect:
    "Pods lose their gateway, or take other nodes' pods for neighbours; new ones get addresses that the cloud leads to another node, or to none.",
  remedy: 'Give the bridge the right address; pods with addresses of another podCIDR have to be made anew.',
  fix: 'ask',
  needs: ['link', 'address'],
  *check({name, member}, node) {
    const {bridge, subnet, addresses: held, by} = node;
    const right = rightAddress(node);
    if (!right || held.length === 0) return;
    const {want, wrong} = right;
    // With the first address of a network the kernel takes the others of it; those of another network may stay until the new one is there.
    const beside = wrong.filter((a) => sameNetwork(a, want));
    const whose = by === 'record' ? `the node's podCIDR is ${subnet}` : `its pods have addresses of ${subnet}`;
    yield {
      subject: bridge,
      message: `${bridge} of ${name} has ${held.map((a) => `${a.local}/${a.prefixlen}`).join(', ')}; ${whose}`,
      evidence: [
        rows(name, addresses.show, held),
        ...(by === 'record' && member.record ? [{node: name, command: 'kubectl get node -o yaml', lines: [`podCIDR: ${subnet}`]}] : []),
      ],
      steps: [
        ...beside.map((a) => step(name, addressDelete(a))),
        step(name, addressReplace(want)),
        ...wrong.filter((a) => !beside.includes(a)).map((a) => step(name, addressDelete(a))),
      ],
      breaks: [token.bridge(name)],
    };
  },
});

type Held = Pick<Address, 'local' | 'prefixlen'>;
const sameNetwork = (a: Held, b: Held): boolean =>
  a.prefixlen === b.prefixlen && network(a.local, a.prefixlen) === network(b.local, b.prefixlen);
