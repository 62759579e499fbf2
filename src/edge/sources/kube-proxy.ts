import {BlockList, isIP} from 'node:net';

/**
 * The proxy for a server as the environment has it, by the rules of Go's httpproxy, which kubectl follows: HTTPS_PROXY for https:, HTTP_PROXY
 * for http:, in capitals first; not for what NO_PROXY names (hosts with their subdomains, `.domain` for subdomains only, addresses, CIDRs, each with a port
 * if one is given, `*`), and never for this machine itself. A kubeconfig's proxy-url goes before it. (client-node knows only that one.)
 */
export function proxyOf(server: string, env: NodeJS.ProcessEnv): string | undefined {
  const {protocol, hostname, port} = new URL(server);
  const secure = protocol === 'https:';
  const name = secure ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const stated = env[name] || env[name.toLowerCase()] || '';
  if (stated === '') return undefined;
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (host === 'localhost' || host === '::1' || /^127\./.test(host)) return undefined;
  const without = (env['NO_PROXY'] || env['no_proxy'] || '').split(',').map((word) => word.trim().toLowerCase());
  if (without.some((word) => word !== '' && names(word, host, port || (secure ? '443' : '80')))) return undefined;
  return stated.includes('://') ? stated : `http://${stated}`;
}

function names(word: string, host: string, port: string): boolean {
  if (word === '*') return true;
  const kind = isIP(host);
  const [, network, bits] = /^([\da-f.:]+)\/(\d{1,3})$/.exec(word) ?? [];
  if (network !== undefined) return kind !== 0 && isIP(network) === kind && within(host, network, Number(bits), kind);
  // An IPv6 address without brackets has colons of its own.
  const [, own, ownPort] = (isIP(word) === 6 ? undefined : /^\[?(.*?)\]?(?::(\d+))?$/.exec(word)) ?? [undefined, word];
  if (own === undefined || (ownPort !== undefined && ownPort !== port)) return false;
  if (kind !== 0) return own === host;
  const domain = own.replace(/^\*(?=\.)/, '');
  return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function within(host: string, network: string, bits: number, kind: number): boolean {
  if (bits > (kind === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const family = kind === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(network, bits, family);
  return list.check(host, family);
}
