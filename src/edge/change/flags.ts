import {Flags} from '@oclif/core';
import {withEnv} from '../../base-command.js';
import {Failure} from '../../failure.js';

/** What every command takes that changes live nodes. */
export const changeFlags = withEnv({
  'dry-run': Flags.boolean({summary: 'print the commands and their inverses, node by node, and do nothing', helpGroup: 'CHANGE'}),
  yes: Flags.boolean({char: 'y', summary: 'do not ask (needed without a terminal)', helpGroup: 'CHANGE'}),
  'force-unlock': Flags.boolean({
    summary: 'first end whatever holds the nodes, undoing nothing; asks twice (--yes --yes --yes)',
    helpGroup: 'CHANGE',
  }),
  'accept-irreversible': Flags.string({
    summary: 'nodes on which what cannot be taken back may be done',
    helpValue: 'NODE',
    multiple: true,
    delimiter: ',',
    helpGroup: 'CHANGE',
  }),
  ttl: Flags.integer({
    summary: 'seconds without a word from here after which each node undoes its part',
    default: 60,
    min: 5,
    max: 3600,
    helpGroup: 'CHANGE',
  }),
  'probe-interval': Flags.string({
    summary: 'seconds between two echoes of each pair of nodes for the loss ledger; 0 for none',
    default: '0.01',
    helpValue: 'SECONDS',
    helpGroup: 'CHANGE',
    parse: async (text) => {
      const seconds = Number(text);
      if (!(seconds === 0 || (seconds >= 0.002 && seconds <= 10)))
        throw new Failure(`--probe-interval ${text}: 0, or from 0.002 to 10 seconds`);
      return text;
    },
  }),
});

/** Whose rows the cloud has. */
const byCloud = ['tencent-vpc', 'ali-vpc', 'aws-vpc', 'gce', 'alloc'] as const;

/** Where a migration goes, and how. */
export const migrateFlags = withEnv({
  to: Flags.string({
    summary: "the backend; a cloud's: to be planned, not run",
    options: ['vxlan', 'host-gw', 'ipip', 'wireguard', 'udp', 'ipsec', ...byCloud],
    exclusive: ['resume'],
  }),
  resume: Flags.boolean({summary: 'go on with the newest change that this machine began and did not end', exclusive: ['force-unlock']}),
  'direct-routing': Flags.boolean({summary: 'vxlan, ipip: plain routes between nodes on one segment'}),
  vni: Flags.integer({summary: 'vxlan: network identifier', min: 1, max: 16_777_215}),
  'vxlan-port': Flags.integer({summary: 'vxlan: UDP port', min: 1, max: 65_535}),
  canary: Flags.integer({summary: 'nodes in the first wave', helpValue: 'N', default: 1, min: 1}),
  batch: Flags.integer({summary: 'nodes in each wave after that', helpValue: 'N', default: 10, min: 1}),
  last: Flags.string({summary: 'the node that you work from: it comes last, alone', helpValue: 'NODE'}),
  controller: Flags.option({
    summary: "who keeps flanneld's configuration and restarts it; needed where a flanneld runs",
    options: ['none', 'systemd', 'k3s', 'kube'] as const,
  })(),
  'pre-flipped': Flags.boolean({
    summary: 'with --controller kube: somebody else (GitOps) writes the ConfigMap; print the change and wait for it',
  }),
  'pod-mtu': Flags.option({
    summary: 'MTU of pods that run, where the target has another: set it, or keep it until they are made anew',
    options: ['set', 'keep'] as const,
  })(),
});
