import {chosen} from '../cloud/choose.js';
import {hostOf} from '../net/prefix.js';
import type {ClusterRule} from './rule.js';

export const vmSubnetTableWithoutRows: ClusterRule = {
  id: 'vm-subnet-table-without-rows',
  scope: 'cluster',
  stage: 'route',
  severity: 'error',
  holds: "Machines of the VPC that are no nodes use a route table with a row for every node's pods.",
  cause: 'The rows were written into one route table, and the subnet of these machines uses another.',
  effect: 'From these machines no pod is reached, and pods do not reach them; pods among themselves do.',
  remedy: "Add the rows to the machines' table too, or give their subnet the nodes' table.",
  fix: 'no',
  *check(cluster) {
    const {cloud, members, mode} = cluster;
    const [first] = members;
    if (mode?.fabric !== 'routes' || cloud?.routes === undefined || !first) return;
    // Subnets that nodes are in have rules of their own about missing rows.
    const ofNodes = new Set((cloud.enis ?? []).flatMap((e) => (e.node !== undefined && e.subnetId !== undefined ? [e.subnetId] : [])));
    const machines = (cloud.enis ?? []).filter((e) => e.node === undefined && e.subnetId !== undefined && !ofNodes.has(e.subnetId));
    for (const subnetId of new Set(machines.flatMap((e) => e.subnetId ?? []))) {
      const asked = members.flatMap((m) => {
        const subnet = m.lease?.subnet;
        if (subnet === undefined) return [];
        return [{name: m.name, subnet, choice: chosen(cloud, {subnetId}, hostOf(subnet, 2))}];
      });
      const lacking = asked.filter((a) => a.choice.kind === 'none');
      if (lacking.length === 0) continue;
      const table = lacking[0]!.choice.kind === 'none' ? lacking[0]!.choice.table?.id : undefined;
      const those = machines.filter((e) => e.subnetId === subnetId);
      yield {
        node: lacking[0]!.name,
        subject: subnetId,
        message: `the route table of ${subnetId}${table === undefined ? '' : `, ${table},`} has no row for the pods of ${lacking.map((a) => a.name).join(', ')}; ${those.length === 1 ? 'a machine that is no node is' : `${those.length} machines that are no nodes are`} in it`,
        effect: `${those.flatMap((e) => e.addresses.slice(0, 1).map((a) => a.address)).join(', ')} and the pods of ${lacking.map((a) => a.name).join(', ')} do not reach each other`,
        evidence: [
          {
            node: lacking[0]!.name,
            command: cloud.sources.routes?.from ?? 'the rows that the cloud lists',
            lines: lacking.map((a) => `(no row: ${a.subnet}${table === undefined ? '' : ` in ${table}`})`),
          },
        ],
        peers: lacking.slice(1).map((a) => a.name),
      };
    }
  },
};
