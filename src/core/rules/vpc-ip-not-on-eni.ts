import {contains} from '../net/prefix.js';
import {called, cloudEvidence, policyRule} from './policy-pods.js';
import {token} from './token.js';

export const vpcIpNotOnEni = policyRule({
  id: 'vpc-ip-not-on-eni',
  stage: 'lease',
  severity: 'error',
  holds: "The cloud has every pod's address on an interface of the pod's node.",
  cause: "The agent's idea of addresses and the cloud's went apart: an address released or moved behind its back.",
  effect: "The node's tables look perfect, and nobody beyond the node reaches the pod.",
  remedy: 'Let the agent reconcile (restart it), and make the pod anew.',
  fix: 'no',
  cloud: ['enis'],
  needs: ['rule', 'route'],
  *check(view, {pods}) {
    const {name, cluster} = view;
    const enis = cluster.cloud?.enis;
    // Without any interface of this node the export is about other machines.
    if (enis === undefined || !enis.some((e) => e.node === name)) return;
    for (const pod of pods) {
      const holder = enis.find(
        (e) => e.addresses.some((a) => a.address === pod.address) || e.prefixes.some((p) => contains(p, pod.address)),
      );
      if (holder?.node === name) continue;
      const whose = holder?.node ?? holder?.instanceId;
      yield {
        subject: called(pod),
        message: holder
          ? `the cloud has ${called(pod)} of ${name} on ${holder.id}${whose === undefined ? ', which is attached to nothing' : ` of ${whose}`}`
          : `the cloud has ${called(pod)} of ${name} on no interface`,
        effect: `nobody beyond ${name} reaches ${called(pod)}, nor it them; the node's tables look perfect`,
        evidence: [
          holder
            ? cloudEvidence(view, [holder])
            : cloudEvidence(
                view,
                enis.filter((e) => e.node === name),
              ),
        ],
        breaks: [token.pod(name, pod.address)],
      };
    }
  },
});
