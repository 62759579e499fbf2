import {linkUp} from '../kernel/commands.js';
import {link as linkTable} from '../kernel/link.js';
import {route as routeTable} from '../kernel/route.js';
import {replayRows, step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const routeLinkdown: NodeRule = {
  id: 'route-linkdown',
  scope: 'node',
  // Routes go with their link, so this stands before them.
  stage: 'device',
  severity: 'error',
  holds: 'The interface that carries traffic between nodes is up and has a carrier.',
  cause: 'A cable, a switch port, a bond or a network manager; or somebody set the interface down.',
  effect: 'No packet leaves the node for another one, or arrives from there.',
  remedy:
    'Bring the link back. Setting an interface down deleted its routes (and its IPv6 addresses), which have to be written again, the default route among them.',
  fix: 'ask',
  // The default route went with the link, and is another rule's to write again.
  replay: true,
  needs: ['link', 'route'],
  *check({name, state, member, expected}) {
    const uplink = state.tables.link?.find((l) => l.ifname === member.uplink?.name);
    if (!uplink) return;
    const down = !uplink.flags.includes('UP');
    const carrier = !uplink.flags.includes('NO-CARRIER') && uplink.operstate !== 'DOWN' && uplink.operstate !== 'LOWERLAYERDOWN';
    if (!down && carrier) return;
    const dead = (state.tables.route ?? []).filter(
      (r) => r.dev === uplink.ifname && (r.flags.includes('linkdown') || r.flags.includes('dead')),
    );
    yield {
      subject: uplink.ifname,
      message: `${uplink.ifname} on ${name} ${down ? 'is set down' : 'has no carrier'}, and carries the traffic to all other nodes`,
      effect: `pods of ${name} reach no pod of another node, and none of them reaches them`,
      evidence: [rows(name, linkTable.show, [uplink]), ...(dead.length > 0 ? [rows(name, routeTable.show, dead.slice(0, 5))] : [])],
      ...(down && {
        steps: [step(name, linkUp(uplink.ifname)), ...(expected ? replayRows(name, expected, (dev) => dev === uplink.ifname) : [])],
      }),
      breaks: [token.device(name, uplink.ifname)],
    };
  },
};
