import {createHash} from 'node:crypto';
import {bytesOf} from '../identity.js';
import type {CloudProvider} from './cloud.js';

type Kind = 'vpc' | 'subnet' | 'table' | 'eni' | 'instance' | 'nat' | 'cluster' | 'group';

const prefixes: {readonly [provider in CloudProvider]: {readonly [kind in Kind]: string}} = {
  tencent: {vpc: 'vpc', subnet: 'subnet', table: 'rtb', eni: 'eni', instance: 'ins', nat: 'nat', cluster: 'cls', group: 'sg'},
  tke: {vpc: 'vpc', subnet: 'subnet', table: 'rtb', eni: 'eni', instance: 'ins', nat: 'nat', cluster: 'cls', group: 'sg'},
  aws: {vpc: 'vpc', subnet: 'subnet', table: 'rtb', eni: 'eni', instance: 'i', nat: 'nat', cluster: 'eks', group: 'sg'},
  alibaba: {vpc: 'vpc', subnet: 'vsw', table: 'vtb', eni: 'eni', instance: 'i', nat: 'ngw', cluster: 'c', group: 'sg'},
};

/** A name as the cloud would give it, the same for the same words: `eni-1a2b3c4d`, `eni-0123456789abcdef0`, `eni-bp1a2b3c4d5e6f7a8b`. */
export function idOf(provider: CloudProvider, kind: Kind, ...words: readonly string[]): string {
  const hex = bytesOf('cloud', kind, ...words).toString('hex');
  const rest = provider === 'aws' ? `0${hex.slice(0, 16)}` : provider === 'alibaba' ? `bp1${hex.slice(0, 17)}` : hex.slice(0, 8);
  return `${prefixes[provider][kind]}-${rest}`;
}

/** The node's end of a pod's veth as the agents of these clouds name it: eleven digits of SHA-1 (model/cloud-modes.md §2.1). */
export const vethOf = (prefix: string, namespace: string, pod: string): string =>
  `${prefix}${createHash('sha1').update(`${namespace}.${pod}`).digest('hex').slice(0, 11)}`;
