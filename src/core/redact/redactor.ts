import {type Ip, tryIp} from '../net/address.js';
import {AddressMap} from './address.js';
import {KnownPrefixes} from './known-prefixes.js';
import {MacMap} from './mac.js';
import {NameMap} from './name.js';
import {hexOf, type Pseudo} from './pseudo.js';

/**
 * One run's mappings, and what finds their subjects in a text. All that is to be redacted is learnt first (`known`, `names`), then replaced:
 * same input, same replacement, whichever node or table it stands in.
 */
export class Redactor {
  readonly known = new KnownPrefixes();
  readonly names = new NameMap();
  readonly #pseudo: Pseudo;
  readonly #macs: MacMap;
  readonly #addresses: AddressMap;

  constructor(pseudo: Pseudo) {
    this.#pseudo = pseudo;
    this.#macs = new MacMap(pseudo);
    this.#addresses = new AddressMap(pseudo, this.known, this.#macs);
  }

  /** Addresses of both kinds, keys and secrets, wherever they stand; what is none of these stays byte for byte. */
  numbers(text: string): string {
    return text
      .replace(SECRET_JSON, (_, before: string, value: string) => `${before}"${this.#secret(value)}"`)
      .replace(SECRET_FLAG, (_, before: string, value: string) => `${before}${this.#secret(value)}`)
      .replace(BASE64_KEY, (key) => base64Of(this.#pseudo(`key ${key}`)))
      .replace(HEX_KEY, (key) => `0x${this.#secret(key.slice(2))}`)
      .replace(MAC, (mac) => this.#macs.of(mac.toLowerCase()))
      .replace(SHORT_V4, (_, head: string, tail: string) => `${head}${'.0'.repeat(4 - head.split('.').length)}${tail}`)
      .replace(ADDRESS, (found) => this.#ip(found) ?? found);
  }

  /** What the kernel's tools print: numbers, and the few places where a name can stand. Device names stay. */
  listing(text: string): string {
    return this.numbers(text)
      .replace(NETNS, (_, before: string, name: string) => before + this.names.of('pod', name))
      .replace(COMMENT, (_, before: string, quote: string, text: string, word: string) =>
        quote === undefined ? before + this.#comment(word) : `${before}"${this.#comment(text)}"`,
      )
      .replace(PROMPT, (at) => `@${this.names.inText(at.slice(1))}`);
  }

  /** What people or programs wrote: numbers, names that were learnt, hosts of URLs, users. */
  prose(text: string): string {
    return this.names
      .inText(this.numbers(text))
      .replace(URL_HOST, (whole, before: string, host: string) =>
        /^[\d.]+$|^\[|^node-/.test(host) ? whole : before + this.names.of('node', host),
      )
      .replace(USER, (whole, user: string) => (user === 'root' ? whole : 'user@'));
  }

  /** Something that identifies without being read: the same length, other digits. */
  identifier(text: string): string {
    const hex = hexOf(this.#pseudo(`id ${text}`));
    return text.replace(/[0-9a-f]/gi, (_, at: number) => hex[at % hex.length]!);
  }

  #ip(found: string): Ip | undefined {
    const address = tryIp(found);
    return address === undefined ? undefined : this.#addresses.of(address);
  }

  /** What flannel, Kubernetes and the tools themselves write is what rules go by. The rest are names, or what somebody noted down. */
  #comment(text: string): string {
    if (/^(flanneld?|kubernetes|cali:|kube-proxy|DOCKER|!|cni)\b/.test(text) && !/[a-z0-9-]+\/[a-z0-9-]+/.test(text)) return text;
    if (/(^|\s)[a-z0-9-]+\/[a-z0-9.-]+/.test(text)) {
      return text.replace(
        /(?<![^\s])([a-z0-9-]+)\/([a-z0-9.-]+)/g,
        (_, space: string, name: string) => `${this.names.of('namespace', space)}/${this.names.of('service', name)}`,
      );
    }
    return this.names.of('comment', text);
  }

  #secret(value: string): string {
    const hex = hexOf(this.#pseudo(`secret ${value}`));
    return hex.repeat(Math.ceil(value.length / hex.length)).slice(0, value.length);
  }
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** 32 bytes as WireGuard prints a key: 43 characters and one `=`. */
function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < 43; i++) {
    const bit = i * 6;
    const pair = (bytes[bit >> 3]! << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text += BASE64[(pair >> (10 - (bit & 7))) & 63];
  }
  return `${text}=`;
}

const IPV4 = /(?<!\d|\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)/g;
/** Two or three parts of an address with a length, as old `ip` prints `10.244/16`. */
const SHORT_V4 = /(?<![\w./-])(\d{1,3}(?:\.\d{1,3}){1,2})(\/\d{1,2})(?![\w.])/g;
const IPV6 = /(?<![0-9A-Za-z:.])(?=[0-9a-f]{0,4}:[0-9a-f:]*:)[0-9a-f:]+(?:\d{1,3}(?:\.\d{1,3}){3})?(?![0-9A-Za-z:]|\.\d)/gi;
/** In one go: what has been replaced is not to be found again. */
const ADDRESS = new RegExp(`${IPV6.source}|${IPV4.source}`, 'gi');
const MAC = /(?<![0-9A-Za-z:])(?:[0-9a-f]{2}:){5}(?:[0-9a-f]{2})(?:(?::[0-9a-f]{2}){14})?(?![0-9A-Za-z:])/gi;
const BASE64_KEY = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])/g;
const HEX_KEY = /(?<![0-9A-Za-z])0x[0-9a-f]{32,}/gi;
const SECRET_JSON = /("[^"\n]*(?:token|passw|secret|psk|private_?key)[^"\n]*"\s*:\s*)"([^"\n]+)"/gi;
const SECRET_FLAG = /(--?[\w-]*(?:password|token|secret|psk)[=\s])([^\s"']+)/gi;
const NETNS = /((?:\blink-netns |"link_netns":\s*"))([A-Za-z0-9._~-]+)/g;
const COMMENT = /(--comment |--(?:nf|u)?log-prefix |"comment":\s*|(?<!-m )comment (?="))(?:(")((?:[^"\\]|\\.)*)"|([^\s"{}[\],]+))/g;
const PROMPT = /@[A-Za-z0-9._-]+(?=[\s:~])/g;
const URL_HOST = /(https?:\/\/)(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+)/g;
const USER = /(?<![^\s"'(])([A-Za-z0-9._-]+)@/g;
