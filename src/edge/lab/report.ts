import type {LabReport} from '../reporters/documents.js';
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
      cloud: {provider: lab.cloud.provider, routes: lab.cloud.routesFile, enis: lab.cloud.enisFile, vm: lab.cloud.vm.ip},
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
