import type {CloudEni} from '../cloud/cloud.js';
import {shell} from '../kernel/commands.js';
import {addressOf, lookupsOf, partsOf} from './cloud-rows.js';
import type {ClusterRule, Evidence} from './rule.js';

export const cloudSrcDstCheck: ClusterRule = {
  id: 'cloud-src-dst-check',
  scope: 'cluster',
  stage: 'device',
  severity: 'error',
  holds: "The nodes' interfaces may send and receive what is not their own.",
  cause:
    'The check is on by default. flannel of aws-vpc switches it off and only warns where it may not; on GCE it can be chosen when the machine is made, and never later.',
  effect: "The cloud drops every packet with a pod's address at this node's interface, without a word.",
  remedy: 'Switch the check off (AWS); make the machine anew with canIpForward (GCE).',
  fix: 'no',
  fabric: 'routes',
  *check(cluster) {
    const {cloud} = cluster;
    for (const {member, node} of partsOf(cluster)) {
      const eni = cloud?.enis?.find((e) => e.node === node && e.addresses.some((a) => a.address === addressOf(member)));
      const tables = new Set(lookupsOf(cluster).tables.map((t) => t.id));
      const warned = cloud?.routes?.find((r) => r.cannotForward && r.nextHop.node === node && tables.has(r.tableId));
      if (eni?.sourceDestCheck !== true && warned === undefined) continue;
      const evidence: Evidence[] = [];
      if (eni?.sourceDestCheck) evidence.push({node, command: cloud?.sources.enis?.from ?? '', lines: [said(eni)], raw: [eni.raw]});
      if (warned)
        evidence.push({
          node,
          command: cloud?.sources.routes?.from ?? '',
          lines: [`${warned.dst}: NEXT_HOP_CANNOT_IP_FORWARD`],
          raw: [warned.raw],
        });
      yield {
        node,
        subject: eni?.id ?? node,
        message: `the cloud lets ${eni?.id ?? `the machine of ${node}`} of ${node} send and receive only what is its own`,
        effect: `every packet from or to a pod of ${node} is dropped at its interface`,
        evidence,
        ...(eni?.provider === 'aws' && {
          steps: [
            {
              node: 'the cloud',
              run: shell(['aws', 'ec2', 'modify-network-interface-attribute', '--network-interface-id', eni.id, '--no-source-dest-check']),
            },
          ],
        }),
      };
    }
  },
};

const said = (eni: CloudEni): string => (eni.provider === 'gcp' ? `${eni.id}: canIpForward is not set` : `${eni.id}: SourceDestCheck true`);
