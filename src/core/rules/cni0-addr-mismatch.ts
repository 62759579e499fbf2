import {address as table} from '../kernel/address.js';
import {addressDelete} from '../kernel/commands.js';
import {globalRouter} from '../model/bridged-node.js';
import {podPorts} from '../model/pod-port.js';
import {contains, lengthOf} from '../net/prefix.js';
import {bridgeFamilies, bridgeOf, gatewayStep} from './bridge-state.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const cni0AddrMismatch: NodeRule = {
  id: 'cni0-addr-mismatch',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: "The pods' bridge has the first address of the node's pod subnet.",
  cause: 'The pod subnet changed (node reset and joined again, CNI switched to and fro) and the bridge kept its old address.',
  effect: 'New pods fail ("already has an IP address different from"); pods lose their gateway.',
  remedy: 'Give the bridge the right address; pods with addresses of the old subnet have to be made anew.',
  fix: 'ask',
  needs: ['link', 'address'],
  // Global Router's bridge has rules of its own.
  concerns: (view) => !globalRouter(view),
  *check(view) {
    const {name, bridge} = view;
    if (!bridgeOf(view)) return;
    for (const found of bridgeFamilies(view)) {
      const {addresses, right, gateway, subnet} = found;
      if (addresses.length === 0) continue;
      if (right && right.prefixlen === lengthOf(subnet)) continue;
      const wrong = addresses.filter((a) => a.local !== gateway || a.prefixlen !== lengthOf(subnet));
      // An address that running pods still have as their gateway stays until they are gone.
      const used = (local: string, prefixlen: number) =>
        podPorts(view).some((p) =>
          p.addresses.some((a) => a.family === found.family && contains(`${local}/${prefixlen}`, a.local) && !contains(subnet, a.local)),
        );
      yield {
        ...(right && {severity: 'warning' as const, effect: 'new pods fail; pods that run have their gateway'}),
        subject: `${wrong.map((a) => `${a.local}/${a.prefixlen}`).join(', ')} on ${bridge}`,
        message: `${bridge} on ${name} has ${wrong.map((a) => `${a.local}/${a.prefixlen}`).join(', ')}, it should have ${gateway}/${lengthOf(subnet)}`,
        ...(!right && {effect: `pods of ${name} have no gateway, and packets for ${subnet} do not reach the bridge`}),
        evidence: [rows(name, table.show, addresses)],
        steps: [
          ...(right ? [step(name, addressDelete(right))] : []),
          gatewayStep(name, bridge, found),
          ...wrong.filter((a) => a !== right && !used(a.local, a.prefixlen)).map((a) => step(name, addressDelete(a))),
        ],
        dependsOn: [token.lease(name)],
        breaks: [token.bridge(name)],
      };
    }
  },
};
