import {tryMac} from '../../net/address.js';
import {foldKeys} from '../net-conf.js';
import type {BackendData} from '../records.js';

/** What backends publish, by type (§5.3): those that are not here nothing. `needs` is what peers can do nothing without, and its name. */
export const backendKeys: {
  readonly [type: string]: {
    readonly keys: readonly (keyof BackendData)[];
    readonly needs?: {readonly key: keyof BackendData; readonly name: string};
  };
} = {
  vxlan: {keys: ['vni', 'vtepMAC'], needs: {key: 'vtepMAC', name: 'VtepMAC'}},
  wireguard: {keys: ['publicKey', 'listenPort'], needs: {key: 'publicKey', name: 'PublicKey'}},
  // Whatever its PreStartupCommand prints.
  extension: {keys: ['publicKey', 'vtepMAC']},
};

/** What is published as the type of a backend that is none of flannel's has no keys of its own either. */
export const keysOfType = (type: string | undefined): (typeof backendKeys)[string] =>
  (type !== undefined && Object.hasOwn(backendKeys, type) ? backendKeys[type] : undefined) ?? {keys: []};

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
  if (value === undefined || value === null || value === '') return {problems: []};
  if (typeof value === 'string') return {data: ofExtension(value.trim()), problems: []};
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

/** What an extension's PreStartupCommand printed: a public key in k3s's old WireGuard, a hardware address in flannel's own example. */
function ofExtension(text: string): BackendData {
  const vtepMAC = tryMac(text);
  return {...(/^[A-Za-z0-9+/]{43}=$/.test(text) && {publicKey: text}), ...(vtepMAC !== undefined && {vtepMAC})};
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
