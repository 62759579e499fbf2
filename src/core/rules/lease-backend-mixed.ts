import {published} from './published.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';

export const leaseBackendMixed: ClusterRule = {
  id: 'lease-backend-mixed',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'All nodes run the same flannel backend.',
  cause: 'A change of the backend was rolled out in part, or a node reads another configuration (k3s agents, embedded flannel).',
  effect: "Nodes of different backends ignore each other's leases: only what was left from before still carries traffic between them.",
  remedy: 'Finish the roll-out: restart flannel on the nodes that stayed behind; without flannel, write the rows of the common backend.',
  restarts: 'node',
  fix: 'ask',
  flannels: true,
  replay: true,
  *check({members, mode, configuredBy, configuredFrom}) {
    if (!mode) return;
    for (const member of members) {
      const type = member.record?.lease.backendType;
      // The backends that publish no type (model/flannel-backends.md §5.3), and nodes whose own tables say it, below.
      if (!type || type === mode.type || (member.mode !== undefined && member.mode !== mode)) continue;
      yield {
        node: member.name,
        subject: type,
        message: `${member.name} is published with backend ${type}; ${configuredBy === 'net-conf' ? `by ${configuredFrom ?? 'net-conf'} it should be` : 'the other nodes run'} ${mode.type}`,
        evidence: published(member, 'backend-type', 'backend-data'),
        breaks: [token.lease(member.name), token.mac(member.name)],
      };
    }
    const known = members.filter((m) => m.mode !== undefined);
    const strays = known.filter((m) => m.mode !== mode);
    const all = strays.length === known.length && configuredBy === 'net-conf';
    // A configuration nobody has taken up yet is one matter, not one for each node.
    for (const {name, mode: own, survey} of all ? strays.slice(0, 1) : strays) {
      yield {
        node: name,
        subject: own!.type,
        message: all
          ? `net-conf.json says ${mode.type}, but the nodes run ${own!.type}`
          : `${name} runs ${own!.type}, ${known.length - strays.length} other nodes run ${mode.type}`,
        evidence: [
          {
            node: name,
            command: 'what the tables show',
            lines: survey.detections.filter((d) => d.mode === own).flatMap((d) => d.detection.evidence),
          },
          ...known
            .filter((m) => m.mode === mode)
            .slice(0, 1)
            .map((m) => ({
              node: m.name,
              command: 'what the tables show',
              lines: m.survey.detections.filter((d) => d.mode === mode).flatMap((d) => d.detection.evidence),
            })),
        ],
        peers: all ? strays.slice(1).map((m) => m.name) : [],
        breaks: (all ? strays : [{name}]).flatMap((m) => [token.lease(m.name), token.mac(m.name), token.subnetEnv(m.name)]),
      };
    }
  },
};
