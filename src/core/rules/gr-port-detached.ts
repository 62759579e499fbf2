import {linkUp} from '../kernel/commands.js';
import {link as links} from '../kernel/link.js';
import {globalRouterRule} from './global-router.js';
import {step} from './remedy.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const grPortDetached = globalRouterRule({
  id: 'gr-port-detached',
  stage: 'pod',
  severity: 'error',
  holds: "The node's end of every bridged pod's veth is an up and forwarding port of the bridge.",
  cause: 'A network manager or a person took the port off, or the making of the pod failed half way.',
  effect: 'The pod reaches nobody and nobody reaches it; the others go on.',
  remedy: 'Put the port back on the bridge; find out who took it off.',
  fix: 'safe',
  needs: ['link', 'pods'],
  *check({name, state}, {bridge, link, pods}) {
    if (!link) return;
    for (const {pod, host, address} of pods) {
      if (!host) continue;
      // A pod with a route of its own hangs on its node in another way.
      if (host.master === undefined && state.tables.route?.some((r) => r.dev === host.ifname && r.table === 'main' && r.family === 4))
        continue;
      const off = host.master !== bridge;
      const down = !host.flags.includes('UP');
      const stuck = !off && !down && typeof host.port?.['state'] === 'string' && host.port['state'] !== 'forwarding';
      if (!off && !down && !stuck) continue;
      const what = [
        ...(off ? [host.master === undefined ? `no port of ${bridge}` : `a port of ${host.master}, not of ${bridge}`] : []),
        ...(down ? ['down'] : []),
        ...(stuck ? [String(host.port?.['state'])] : []),
      ].join(' and ');
      yield {
        subject: `${host.ifname} (${pod.name})`,
        message: `${host.ifname} on ${name}, the end of ${pod.name}, is ${what}`,
        effect: `${pod.name} (${address.local}) is cut off`,
        evidence: [rows(name, links.show, [host])],
        steps: [
          ...(off ? [step(name, ['ip', 'link', 'set', host.ifname, 'master', bridge])] : []),
          ...(down ? [step(name, linkUp(host.ifname))] : []),
          ...(stuck ? [step(name, ['bridge', 'link', 'set', 'dev', host.ifname, 'state', '3'])] : []),
        ],
        dependsOn: [token.bridge(name)],
        breaks: [token.pod(name, pod.name)],
      };
    }
  },
});
