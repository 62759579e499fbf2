import type {Cluster} from '../model/cluster.js';
import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

/** What a shell would understand, and flannel since v0.28.2 passes on as it is: it splits at blanks and puts variables in. */
const shellOnly = /[|;&<>`'"\\]|\$\(|\*/;

/** v0.28.2 and later, by the tag of the image; nobody knows of others. */
function splits(image: string): boolean {
  const [, minor = '', patch = ''] = /:v0\.(\d+)\.(\d+)\b/.exec(image) ?? [];
  return minor !== '' && Number(minor) * 100 + Number(patch) >= 2802;
}

export const extensionCommandSplit: ClusterRule = {
  id: 'extension-command-split',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'The commands of the extension backend do without a shell.',
  cause: 'flannel up to v0.28.1 ran them with `sh -c`; since v0.28.2 they are split at blanks, without quotes, pipes or redirections.',
  effect: 'The command runs with the wrong words, or not at all: its nodes get no device and no routes.',
  remedy: 'Put the line into a script of the image or of the node, and name only the script.',
  fix: 'no',
  modes: ['extension'],
  records: ['daemonSets'],
  *check(cluster: Cluster) {
    const node = anyNode(cluster);
    const image = cluster.records?.daemonSets?.map((d) => d.image).find(splits);
    const {preStartup, postStartup, subnetAdd, subnetRemove} = cluster.settings?.extension ?? {};
    if (node === undefined || image === undefined) return;
    const commands = {
      PreStartupCommand: preStartup,
      PostStartupCommand: postStartup,
      SubnetAddCommand: subnetAdd,
      SubnetRemoveCommand: subnetRemove,
    };
    const split = Object.entries(commands).filter(([, line]) => line !== undefined && shellOnly.test(line));
    if (split.length === 0) return;
    yield {
      node,
      subject: split.map(([key]) => key).join(', '),
      message: `${split.map(([key]) => key).join(' and ')} of the extension backend ${split.length === 1 ? 'needs' : 'need'} a shell, which ${image} does not use`,
      evidence: [{node, command: cluster.configuredFrom ?? 'net-conf.json', lines: split.map(([key, line]) => `${key}: ${line}`)}],
    };
  },
};
