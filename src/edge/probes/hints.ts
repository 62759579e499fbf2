import type {Judged} from './judge.js';
import type {Sighting} from './sighting.js';

/** In words: `eth0 of pod n1-p1`, `flannel.1 of n1`. */
export const placeWords = ({node, pod, dev}: Pick<Sighting, 'node' | 'pod' | 'dev'>): string =>
  `${dev} of ${pod === undefined ? node : `pod ${pod}`}`;

const packetWords = ({flow}: Judged): string => `the ${flow.name === 'over' ? 'too large' : flow.name} packet (${flow.traced.size} bytes)`;

/** Where it was lost, as far as it was watched. */
export function deathWords({died}: Judged): string {
  if (!died) return '';
  const way = died.direction === 'there' ? 'on its way there' : 'on the way back';
  if (!died.after) return died.before ? `before ${placeWords(died.before)}, ${way}` : way;
  return died.before
    ? `between ${placeWords(died.after)} and ${placeWords(died.before)}, ${way}`
    : `after ${placeWords(died.after)}, ${way}`;
}

/** The outcome in one sentence; where model and wire part, that is what it says. */
export function headlineOf(judged: readonly Judged[], gaps: number): string {
  const wrong = judged.find((j) => j.agrees === false);
  if (wrong) {
    const {predicted, measured, whole} = wrong;
    const lost = measured.there === 'lost' || measured.back === 'lost' || whole === 'lost';
    const said = predicted.there === 'lost' || predicted.back === 'lost' ? 'be lost' : 'arrive and be answered';
    const where = deathWords(wrong);
    if (!lost) return `the wire disagrees: ${packetWords(wrong)} should be lost, but arrives`;
    if (said === 'be lost')
      return `the wire disagrees: ${packetWords(wrong)} is lost as it should be, but elsewhere${where === '' ? '' : `: ${where}`}`;
    return `the wire disagrees: ${packetWords(wrong)} should ${said}, but is lost${where === '' ? '' : ` ${where}`}`;
  }
  const compared = judged.filter((j) => j.agrees === true).length;
  if (compared === 0) return `the wire says nothing: ${judged.find((j) => j.sent.text !== '')?.sent.text ?? 'no packet could be compared'}`;
  const whole = compared === judged.length && gaps === 0;
  return whole
    ? `the wire agrees: ${compared === 1 ? 'the packet fared' : `all ${compared} packets fared`} as the model says`
    : `the wire agrees as far as it could be seen: ${compared} of ${judged.length} packets compared`;
}

/** What the tables of the nodes do not show and may be the reason. */
export function hintsOf(judged: readonly Judged[]): readonly string[] {
  const wrong = judged.filter((j) => j.agrees === false);
  const hints = wrong.flatMap(hintsFor);
  const small = judged.find((j) => j.flow.name === 'small');
  if (wrong.some((j) => j.sent.word === 'limited'))
    return [
      'The sender has learnt a smaller path MTU, which it forgets after ten minutes: `ip route get ADDRESS` there shows it, `ip route flush cache` forgets it now.',
    ];
  if (small?.whole === 'arrives' && wrong.some((j) => j.whole === 'lost' && j.flow.name !== 'small'))
    hints.push(
      "Small packets pass and large ones do not: the network between the nodes takes less than the nodes' own MTU says; lower it there and in flannel's configuration.",
    );
  return [...new Set(hints)];
}

function hintsFor(judged: Judged): readonly string[] {
  const {predicted, measured, died, flow} = judged;
  if (measured.there !== 'lost' && measured.back !== 'lost' && judged.whole !== 'lost')
    return [
      'The tables may have changed since they were read: run it again.',
      'Something that the tables do not show may carry the packet (an eBPF data path, a proxy). If neither is so, flanctl is wrong: please report it with a snapshot (flanctl gather --redact).',
    ];
  if (predicted.there === 'lost' || predicted.back === 'lost')
    return [
      'It does not die where the tables say: they may have changed since they were read, or something before that place drops it too.',
    ];
  if (!died)
    return [
      'A firewall outside the nodes (security group, network ACL), or the cloud’s source/destination check, may drop it.',
      'tc, eBPF or nft tables of the families bridge and netdev are not read, nor is the firewall inside a pod.',
      'The hardware may write wrong checksums for tunnels: ethtool -K flannel.1 tx-checksum-ip-generic off on the sender shows it.',
      'flanctl trace --capture shows how far it gets.',
    ];
  const {after, before} = died;
  if (after && before && after.node !== before.node) {
    const tunnel = after.tunnelled
      ? ` The tunnel needs ${needsOf(judged)} between the nodes, both ways.`
      : ' A fabric that does not know pod addresses drops them: it needs routes, and no source/destination check.';
    return [
      `It is lost between the nodes ${after.node} and ${before.node}: a firewall outside them (security group, network ACL), the cloud’s source/destination check, or the fabric itself.${tunnel}`,
    ];
  }
  if (after?.tunnelled && before && !before.tunnelled)
    return [
      `${after.node} gets the tunnel's packet and does not unwrap it: a wrong checksum by offload (on the sender: ethtool -K flannel.1 tx-checksum-ip-generic off), or a firewall that was not read (tc, XDP, eBPF).`,
    ];
  if (after && before)
    return [
      `Something on ${after.node} that was not read drops it: tc or eBPF programs (tc filter show dev ${after.dev} ingress; bpftool net), nft tables of the families bridge and netdev (nft list ruleset), a network policy's agent.`,
    ];
  if (after && flow.proto !== 'icmp')
    return [`It gets to ${placeWords(after)} and nothing comes back: the firewall inside the pod is not read, nor what listens there.`];
  return [
    `Nothing is seen ${after ? `after ${placeWords(after)}` : 'at all'}: a firewall or a tc program inside the pod, or the pod's program, is not read.`,
  ];
}

/** What must be let through for the tunnels of the walks. */
function needsOf({flow}: Judged): string {
  const taps = [flow.traced.there, flow.traced.back].flatMap(
    (walk) => walk?.hops.flatMap((h) => h.steps.flatMap((s) => s.taps ?? [])) ?? [],
  );
  const protocol = {ipip: 'IP protocol 4', esp: 'IP protocol 50 (and UDP 500 for its keys)'} as const;
  const words = taps.flatMap(({tunnel}) => {
    if (!tunnel) return [];
    return tunnel.port === undefined ? (tunnel.via === 'ipip' || tunnel.via === 'esp' ? protocol[tunnel.via] : []) : `UDP ${tunnel.port}`;
  });
  return [...new Set(words)].join(' and ');
}
