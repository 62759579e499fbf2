import type {KubeObject} from '../sources/kube-client.js';

/** The label that all of our pods carry: `kubectl get pods -A -l app=flanctl`. */
export const LABEL = 'app=flanctl';
/** Who made the pod: `host pid starttime`, to tell one whose flanctl was killed from another operator's. */
export const MAKER = 'flanctl.dev/maker';
/** Seconds after which the kubelet ends the pod, whatever has become of us. */
export const DEADLINE = 3600;
export const CONTAINER = 'flanctl';

/**
 * A pod that stands on one node and sees all of it: bound past the scheduler, tolerating every taint, owned by nobody so that nothing
 * restarts it. It does nothing but wait; what is to be done comes by exec.
 */
export function debugPod({
  name,
  namespace,
  node,
  image,
  maker,
}: {
  name: string;
  namespace: string;
  node: string;
  image: string;
  maker: string;
}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {name, namespace, labels: {app: 'flanctl'}, annotations: {[MAKER]: maker}},
    spec: {
      nodeName: node,
      hostNetwork: true,
      hostPID: true,
      restartPolicy: 'Never',
      activeDeadlineSeconds: DEADLINE,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: [{operator: 'Exists'}],
      containers: [
        {
          name: CONTAINER,
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', `sleep ${DEADLINE}`],
          securityContext: {privileged: true, runAsUser: 0},
          resources: {requests: {cpu: '10m', memory: '16Mi'}},
        },
      ],
    },
  };
}

/** How far a pod has come: it runs, it may yet run, or it never will and why. */
export type PodState =
  | {readonly kind: 'running'}
  | {readonly kind: 'waiting'; readonly why: string}
  | {readonly kind: 'lost'; readonly why: string};

/** Reasons of a waiting container that time does not mend (kubelet/images/types.go, kuberuntime). */
const HOPELESS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

interface PodShape {
  readonly metadata?: {readonly deletionTimestamp?: string};
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly containerStatuses?: readonly {
      readonly state?: {readonly waiting?: {readonly reason?: string; readonly message?: string}; readonly running?: object};
    }[];
  };
}

export function podState(pod: KubeObject): PodState {
  const {metadata, status = {}} = pod as PodShape;
  const because = (reason: string | undefined, message: string | undefined): string => [reason, message].filter(Boolean).join(': ');
  if (metadata?.deletionTimestamp !== undefined) return {kind: 'lost', why: 'somebody deletes it'};
  if (status.phase === 'Failed' || status.phase === 'Succeeded') {
    return {kind: 'lost', why: because(status.reason, status.message) || `it is ${status.phase}`};
  }
  const state = status.containerStatuses?.[0]?.state;
  if (state?.running) return {kind: 'running'};
  const why = because(state?.waiting?.reason, state?.waiting?.message) || status.phase || 'Pending';
  return HOPELESS.has(state?.waiting?.reason ?? '') ? {kind: 'lost', why} : {kind: 'waiting', why};
}
