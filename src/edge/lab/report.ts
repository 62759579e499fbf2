import type {LabReport} from '../reporters/documents.js';
import type {LabEni} from './cloud/cloud.js';
import type {Lab} from './topology.js';

/** The lab as the machine forms carry it; pids and folders are nobody's business but the inventory's. */
export function labReport(lab: Lab): LabReport {
  return {
    name: lab.spec.name,
    backend: lab.spec.backend,
    settings: lab.spec,
    netConf: lab.netConf,
    inventory: lab.inventory,
    sshConfig: lab.sshConfig ?? null,
    ...(lab.cloud && {
      cloud: {
        provider: lab.cloud.provider,
        routes: lab.cloud.routesFile,
        enis: lab.cloud.enisFile,
        groups: lab.cloud.groupsFile,
        vm: lab.cloud.vm.ip,
        hosts: hostsReport(lab),
      },
    }),
    nodes: lab.nodes.map((node) => ({
      name: node.name,
      ip: node.ip,
      ip6: node.ip6 ?? null,
      subnet: node.subnet,
      subnet6: node.subnet6 ?? null,
      vtepMac: node.vtepMac ?? null,
      vtepMac6: node.vtepMac6 ?? null,
      publicKey: node.publicKey ?? null,
      pods: node.pods.map((pod) => ({
        name: pod.name,
        ip: pod.ip,
        ip6: pod.ip6 ?? null,
        veth: pod.veth,
        ...(pod.attachment && {attachment: pod.attachment}),
      })),
    })),
  };
}

/** The physical hosts with the machines on each; nothing where there is one, for then there is no wire to look at. */
function hostsReport({cloud, nodes}: Lab): readonly {readonly name: string; readonly machines: readonly string[]}[] {
  const {hosts, vm} = cloud!;
  const on = (netns: string, eni: LabEni | undefined) => eni?.fabric === netns;
  if (hosts.length === 1) return [];
  return hosts.map(({name, netns}) => ({
    name,
    machines: [...nodes.filter((node) => on(netns, node.enis?.[0])).map((node) => node.name), ...(on(netns, vm.eni) ? [vm.name] : [])],
  }));
}
