import {Flags} from '@oclif/core';

export const clouds = ['tencent', 'aliyun', 'aws', 'gcp'] as const;
export type CloudName = (typeof clouds)[number];

/** What the cloud says of its routes, interfaces and groups: the same flags on every command that reads. */
export const cloudFlags = {
  'cloud-routes': Flags.string({
    summary: "the cloud's route tables, as its command line tool prints them in JSON (may be given more than once)",
    description: 'tccli vpc or tke, aliyun vpc, aws ec2, gcloud compute, or a file of kind CloudRoutes: docs/cloud.md.',
    helpValue: 'FILE',
    helpGroup: 'CLOUD',
    multiple: true,
    delimiter: ',',
  }),
  'cloud-enis': Flags.string({
    summary: "the cloud's network interfaces, likewise",
    helpValue: 'FILE',
    helpGroup: 'CLOUD',
    multiple: true,
    delimiter: ',',
  }),
  'cloud-groups': Flags.string({
    summary: "the cloud's security groups, likewise: who is let in to its interfaces",
    helpValue: 'FILE',
    helpGroup: 'CLOUD',
    multiple: true,
    delimiter: ',',
  }),
  cloud: Flags.option({
    summary: 'ask the cloud itself: runs its command line tool, which must be installed and logged in, and only to read',
    options: clouds,
    helpGroup: 'CLOUD',
  })(),
  'cloud-vpc': Flags.string({summary: 'with --cloud: only this network', helpValue: 'ID', helpGroup: 'CLOUD', dependsOn: ['cloud']}),
};

export interface CloudFlags {
  readonly 'cloud-routes'?: readonly string[] | undefined;
  readonly 'cloud-enis'?: readonly string[] | undefined;
  readonly 'cloud-groups'?: readonly string[] | undefined;
  readonly cloud?: CloudName | undefined;
  readonly 'cloud-vpc'?: string | undefined;
}

/** Is there anything to open: a file that was named, or the cloud itself? */
export const asksCloud = (flags: CloudFlags): boolean =>
  flags.cloud !== undefined || (['cloud-routes', 'cloud-enis', 'cloud-groups'] as const).some((flag) => (flags[flag] ?? []).length > 0);

/** Where each kind lies beside the nodes of a snapshot. */
export const cloudFiles = {routes: 'cloud-routes.json', enis: 'cloud-enis.json', groups: 'cloud-groups.json'} as const;
