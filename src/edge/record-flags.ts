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
};

export interface RecordFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly 'flannel-namespace'?: string | undefined;
  readonly 'flannel-configmap'?: string | undefined;
  readonly 'annotation-prefix'?: string | undefined;
}

/** Do the flags name a place where flannel keeps its records? */
export const namesRecords = ({kubeconfig, context}: RecordFlags): boolean => kubeconfig !== undefined || context !== undefined;
