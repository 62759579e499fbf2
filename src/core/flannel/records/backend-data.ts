import {tryMac} from '../../net/address.js';
import {foldKeys} from '../net-conf.js';
import type {BackendData} from '../records.js';

export interface ReadBackendData {
  readonly data?: BackendData;
  readonly problems: readonly string[];
}

/**
 * What a backend publishes beside the address: vxlan `{"VNI":1,"VtepMAC":"…"}` (no VNI before v0.14), WireGuard
 * `{"PublicKey":"…","Port":51820}`; `null` for those that publish nothing, a string for `extension` (model/flannel-backends.md §5.3).
 * @param value the decoded JSON; `name` is what it is called, for the problems.
 */
export function backendDataOf(value: unknown, name: string): ReadBackendData {
  if (value === undefined || value === null || value === '' || typeof value === 'string') return {problems: []};
  if (typeof value !== 'object' || Array.isArray(value)) return {problems: [`${name} is not an object: ${JSON.stringify(value)}`]};
  const problems: string[] = [];
  const folded = foldKeys(value);
  const count = (key: string, most: number): number | undefined => {
    const found = folded[key];
    if (found === undefined || found === null) return undefined;
    if (typeof found === 'number' && Number.isInteger(found) && found >= 0 && found <= most) return found;
    problems.push(`${name}: ${key} is not a number up to ${most}: ${JSON.stringify(found)}`);
    return undefined;
  };
  const word = (key: string): string | undefined => {
    const found = folded[key];
    if (found === undefined || found === null) return undefined;
    if (typeof found === 'string') return found;
    problems.push(`${name}: ${key} is not text: ${JSON.stringify(found)}`);
    return undefined;
  };
  const vni = count('vni', 0xff_ff_ff);
  const listenPort = count('port', 65535);
  const publicKey = word('publickey');
  const stated = word('vtepmac');
  const vtepMAC = stated === undefined ? undefined : tryMac(stated);
  if (stated !== undefined && vtepMAC === undefined) problems.push(`${name}: VtepMAC is not a hardware address: ${JSON.stringify(stated)}`);
  return {
    data: {
      ...(vni !== undefined && {vni}),
      ...(vtepMAC !== undefined && {vtepMAC}),
      ...(publicKey !== undefined && {publicKey}),
      ...(listenPort !== undefined && {listenPort}),
    },
    problems,
  };
}

/** The same from text, as annotations hold it. */
export function backendDataText(text: string, name: string): ReadBackendData {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {problems: [`${name} is not JSON: ${JSON.stringify(text)}`]};
  }
  return backendDataOf(value, name);
}
