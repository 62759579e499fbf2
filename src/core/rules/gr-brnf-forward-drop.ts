import {evaluateHook} from '../kernel/netfilter/evaluate.js';
import {hostOf} from '../net/prefix.js';
import {byEvidence, opening, readable} from './flows.js';
import {globalRouterRule} from './global-router.js';
import {step} from './remedy.js';
import {sysctlEvidence, sysctlNumber} from './sysctl.js';
import {token} from './token.js';

export const grBrnfForwardDrop = globalRouterRule({
  id: 'gr-brnf-forward-drop',
  stage: 'firewall',
  severity: 'error',
  holds: 'Where packets within the bridge pass iptables, FORWARD accepts those of pods.',
  cause: 'The policy of FORWARD is DROP (Docker, ufw, a hardening script), and nothing accepts the container network.',
  effect: 'Pods do not even reach each other on the same node; with bridge-nf-call-iptables 0 that would go on.',
  remedy: 'Accept the container network in FORWARD.',
  fix: 'ask',
  // Pods with addresses of the VPC on the same node need accepts of their own.
  early: true,
  replay: true,
  needs: ['iptables', 'sysctl'],
  confirms: ['nft'],
  *check(view, {bridge, link, subnet, pods}) {
    const {name, state} = view;
    const key = 'net/bridge/bridge-nf-call-iptables';
    if (!link || sysctlNumber(view, key) !== 1 || !readable(view, 4)) return;
    const [src, dst] = [pods[0]?.address.local ?? hostOf(subnet, 2), pods[1]?.address.local ?? hostOf(subnet, 3)];
    const found = evaluateHook(state.netfilter[4], 'forward', {...opening(view, 4, {src, dst, iif: bridge, oif: bridge}), physdev: {}});
    if ((found.verdict !== 'drop' && found.verdict !== 'reject') || !found.by) return;
    yield {
      subject: 'FORWARD',
      message: `${name} drops packets between pods on ${bridge}: they pass iptables (bridge-nf-call-iptables is 1), and FORWARD does not accept them`,
      effect: `pods of ${name} do not reach each other`,
      evidence: [byEvidence(name, found.by), sysctlEvidence(view, key)],
      steps: [
        step(name, ['iptables', '-A', 'FORWARD', '-s', subnet, '-j', 'ACCEPT']),
        step(name, ['iptables', '-A', 'FORWARD', '-d', subnet, '-j', 'ACCEPT']),
      ],
      breaks: [token.forwarding(name)],
    };
  },
});
