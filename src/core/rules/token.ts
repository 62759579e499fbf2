/**
 * Names of things that findings are about, so that the engine can tell cause from consequence without knowing any rule:
 * one finding breaks a token, another depends on it.
 */
export type Token = string;

export const token = {
  /** What a node published: subnet, public address. */
  lease: (node: string): Token => `lease ${node}`,
  /** flanneld itself, as a process that runs. */
  flanneld: (node: string): Token => `flanneld ${node}`,
  /** The hardware address a node published for its tunnel device. */
  mac: (node: string): Token => `mac ${node}`,
  /** WireGuard: the key that a node published. */
  key: (node: string): Token => `key ${node}`,
  /** What flannel of a node has heard of a peer. */
  news: (node: string, peer: string): Token => `news ${node} ${peer}`,
  /** A device and everything that lives on it. */
  device: (node: string, name: string): Token => `device ${node} ${name}`,
  bridge: (node: string): Token => `bridge ${node}`,
  /** A node's rows towards one peer. */
  route: (node: string, peer: string): Token => `route ${node} ${peer}`,
  /** The way between two nodes' public addresses. */
  underlay: (node: string, peer: string): Token => `underlay ${node} ${peer}`,
  neigh: (node: string, peer: string): Token => `neigh ${node} ${peer}`,
  fdb: (node: string, peer: string): Token => `fdb ${node} ${peer}`,
  /** What a node's tunnel itself holds of a peer: a WireGuard peer, IPsec's policies and associations. */
  end: (node: string, peer: string): Token => `end ${node} ${peer}`,
  /** The node's forwarding as a whole: policy rules, sysctls, firewall. */
  forwarding: (node: string): Token => `forwarding ${node}`,
  /** MTU chain of a node. */
  mtu: (node: string): Token => `mtu ${node}`,
  pod: (node: string, pod: string): Token => `pod ${node} ${pod}`,
  /** subnet.env, which tells the CNI plugin what new pods get. */
  subnetEnv: (node: string): Token => `subnet.env ${node}`,
  /** The CNI configuration that new pods are made with. */
  cni: (node: string): Token => `cni ${node}`,
} as const;
