import {findRules} from '../kernel/netfilter/chains.js';
import {commentOf, type Ruleset} from '../kernel/netfilter/iptables.js';
import {evidenceOf} from './flanneld-not-running.js';
import {rulesetsOf} from './flows.js';
import {absent, type NodeRule} from './rule.js';
import {token} from './token.js';

/** Devices of those that lead to Services without rules in iptables: kube-proxy by IPVS, kube-router, Cilium. */
const otherWays = new Set(['kube-ipvs0', 'kube-dummy-if', 'cilium_host', 'cilium_net']);

export const flanneldApiserverUnreachable: NodeRule = {
  id: 'flanneld-apiserver-unreachable',
  scope: 'node',
  stage: 'lease',
  early: true,
  severity: 'error',
  holds: "flanneld reaches the API server at the address of its Service, for which kube-proxy's rules are there.",
  cause: 'kube-proxy does not run on the node or has not written its rules yet, or something flushed them.',
  effect: 'flanneld ends at its start, for it cannot list the nodes: the node has no network for new pods, and follows no change.',
  remedy:
    "Get kube-proxy to run on the node first; or give flannel the API server's own address: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in the DaemonSet.",
  fix: 'no',
  flannels: true,
  records: ['kubernetes', 'daemonSets', 'flannelPods'],
  needs: ['netfilter', 'link'],
  *check(view) {
    const {name, cluster, state} = view;
    const pod = cluster.records?.flannelPods?.find((p) => p.node === view.member.record?.name && p.deleting !== true);
    // One that runs, or waits for its image, says nothing of the API server.
    if (!pod || pod.ready || (pod.waiting !== 'CrashLoopBackOff' && pod.lastEnd !== 'Error')) return;
    const set = cluster.records?.daemonSets?.find((s) => s.namespace === pod.namespace && s.name === pod.daemonSet);
    if (set?.env['KUBERNETES_SERVICE_HOST'] !== undefined) return;
    if (state.tables.link?.some((l) => otherWays.has(l.ifname))) return;
    if (state.netfilter[4].nft?.tables.some((t) => t.name === 'kube-proxy')) return;
    const rulesets = ([4, 6] as const).flatMap((family) => rulesetsOf(view, family));
    // The kubelet's own chains show that iptables are what this node's Kubernetes uses.
    if (!rulesets.some(isKubernetes) || rulesets.some(leadsToApi)) return;
    yield {
      subject: 'Service default/kubernetes',
      message: `flanneld on ${name} ends at its start, and no rule there leads to the Service of the API server`,
      evidence: [
        evidenceOf(name, pod),
        absent(name, rulesets.find(isKubernetes)!.command, 'nat, a rule for the Service default/kubernetes:https'),
      ],
      breaks: [token.flanneld(name)],
    };
  },
};

const isKubernetes = ({tables}: Ruleset): boolean =>
  [...tables.values()].some((table) => [...table.chains.keys()].some((chain) => chain.startsWith('KUBE-')));

const leadsToApi = (ruleset: Ruleset): boolean =>
  findRules(ruleset, (rule) => commentOf(rule)?.startsWith('default/kubernetes:') === true).length > 0;
