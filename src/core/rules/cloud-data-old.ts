import type {ClusterRule} from './rule.js';

export const cloudDataOld: ClusterRule = {
  id: 'cloud-data-old',
  scope: 'cluster',
  stage: 'leftover',
  severity: 'warning',
  holds: "What the cloud is said to have is younger than the cluster's youngest node.",
  cause: 'The file of routes or interfaces was made before a node joined.',
  effect: 'What doctor says of the cloud’s rows may have been true then.',
  remedy: 'Export it again, or let --cloud ask for it.',
  fix: 'no',
  records: ['kubernetes'],
  *check({cloud, members}) {
    const made = members.flatMap(({name, record}) => {
      const at = Date.parse(record?.created ?? '');
      return Number.isNaN(at) ? [] : [{name, at, text: record!.created!}];
    });
    const youngest = made.toSorted((a, b) => b.at - a.at)[0];
    if (cloud === undefined || youngest === undefined) return;
    for (const source of [cloud.sources.routes, cloud.sources.enis, cloud.sources.groups]) {
      const at = Date.parse(source?.takenAt ?? '');
      if (source === undefined || Number.isNaN(at) || at >= youngest.at) continue;
      yield {
        node: youngest.name,
        subject: source.from,
        message: `${source.from} is of ${source.takenAt}, and ${youngest.name} was made at ${youngest.text}`,
        evidence: [{node: youngest.name, command: `kubectl get node ${youngest.name}`, lines: [`creationTimestamp: ${youngest.text}`]}],
      };
    }
  },
};
