import {Flags} from '@oclif/core';

/** Where flannel's own records are kept, and how they are called there: the same flags on every command that reads. */
export const recordFlags = {
  kubeconfig: Flags.string({
    summary: "ask the API server of this kubeconfig for the nodes and flannel's records",
    description: 'Without it, --context takes $KUBECONFIG or ~/.kube/config, as kubectl does.',
    helpValue: 'FILE',
    helpGroup: 'SOURCE',
    exclusive: ['snapshot'],
  }),
  context: Flags.string({summary: 'which context of the kubeconfig', helpValue: 'NAME', helpGroup: 'SOURCE', exclusive: ['snapshot']}),
  'flannel-namespace': Flags.string({
    summary: "namespace of flannel's DaemonSet and ConfigMap, when it is found by none of the usual names",
    helpValue: 'NAMESPACE',
    helpGroup: 'RECORDS',
  }),
  'flannel-configmap': Flags.string({
    summary: 'ConfigMap that holds net-conf.json, likewise',
    helpValue: 'NAME',
    helpGroup: 'RECORDS',
  }),
  'annotation-prefix': Flags.string({
    summary: "prefix of flannel's annotations, as --kube-annotation-prefix of flanneld; found by itself unless told",
    helpValue: 'PREFIX',
    helpGroup: 'RECORDS',
  }),
  'etcd-endpoints': Flags.string({
    summary: 'the etcd where flannel keeps its leases',
    helpValue: 'URL',
    helpGroup: 'ETCD',
    multiple: true,
    delimiter: ',',
    exclusive: ['snapshot'],
  }),
  'etcd-prefix': Flags.string({
    summary: "where flannel's keys begin (default /coreos.com/network)",
    helpValue: 'PATH',
    helpGroup: 'ETCD',
  }),
  'etcd-cafile': Flags.string({summary: 'CA that signed the certificate of etcd', helpValue: 'FILE', helpGroup: 'ETCD'}),
  'etcd-certfile': Flags.string({summary: 'our certificate for etcd', helpValue: 'FILE', helpGroup: 'ETCD'}),
  'etcd-keyfile': Flags.string({summary: 'the key of that certificate', helpValue: 'FILE', helpGroup: 'ETCD'}),
  'etcd-username': Flags.string({
    summary: 'user of etcd; the password comes from FLANCTL_ETCD_PASSWORD',
    helpValue: 'NAME',
    helpGroup: 'ETCD',
  }),
};

export interface EtcdFlags {
  readonly 'etcd-endpoints'?: readonly string[] | undefined;
  readonly 'etcd-prefix'?: string | undefined;
  readonly 'etcd-cafile'?: string | undefined;
  readonly 'etcd-certfile'?: string | undefined;
  readonly 'etcd-keyfile'?: string | undefined;
  readonly 'etcd-username'?: string | undefined;
}

export interface RecordFlags extends EtcdFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly 'flannel-namespace'?: string | undefined;
  readonly 'flannel-configmap'?: string | undefined;
  readonly 'annotation-prefix'?: string | undefined;
}

/** Do the flags name a place where flannel keeps its records? */
export const namesRecords = (flags: RecordFlags): boolean => namesKubernetes(flags) || namesEtcd(flags);

export const namesKubernetes = ({kubeconfig, context}: RecordFlags): boolean => kubeconfig !== undefined || context !== undefined;

export const namesEtcd = (flags: RecordFlags): boolean => (flags['etcd-endpoints'] ?? []).length > 0;
