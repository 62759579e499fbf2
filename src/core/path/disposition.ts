/**
 * Every fate of a packet, named. `delivered` and `left` are good ends; all others say where it died, or that nobody can say.
 * One word a way to die, so that tests, JSON and people mean the same.
 */
export const dispositions = {
  delivered: 'reached the namespace that has the address',
  'left-cluster': 'left through a router or the outside; nothing beyond was gathered',
  'no-route': 'no rule and table has a route for it',
  refused: 'a rule or route says blackhole, prohibit or unreachable',
  'not-forwarded': "the node does not forward: ip_forward or the interface's forwarding is off",
  'reverse-path': 'rp_filter: the way back does not lead through the interface it came in by',
  martian: 'a source address that may not come from outside',
  'no-neighbour': 'no hardware address for the next hop, and nobody answers for it',
  'wrong-neighbour': "the next hop's hardware address is not that of the node that should take it",
  'no-fdb': 'the tunnel device has no destination for the hardware address',
  'wrong-tunnel-end': "the tunnel sends it to an address that is not the peer, or that is nobody's",
  'no-tunnel': 'nobody decapsulates it there: no device with this VNI, port or address',
  'wrong-vtep': 'the inner hardware address is not that of the tunnel device that took it',
  'no-peer': 'no peer of the WireGuard device is allowed its destination, or that peer has no endpoint',
  'wrong-key': 'the two ends of WireGuard do not know each other by these keys',
  'not-allowed': 'the peer that sends it is not allowed its source address (allowed-ips)',
  'no-association': 'an IPsec policy asks for a security association that is not there',
  unprotected: 'an IPsec policy takes it only out of a security association that it did not come by',
  'device-down': 'the device it must use is down or gone',
  'bridge-port': 'the bridge port is not there, down, isolated or not forwarding',
  'too-big': 'larger than the MTU of a hop that may not fragment it',
  filtered: 'a firewall rule or policy drops or rejects it',
  'source-check': 'the cloud drops what an interface sends with an address that is not its own',
  'no-listener': 'it reached an address that is not the one asked for',
  looped: 'it comes back to where it was, or its TTL ends',
  unknown: 'something that decides was not gathered or cannot be judged',
} as const;

export type Disposition = keyof typeof dispositions;

export const isGood = (d: Disposition): boolean => d === 'delivered' || d === 'left-cluster';
