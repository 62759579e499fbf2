import type {Walk} from '../../core/path/step.js';
import {type Carrier, type Form, type Tap, tapsOf} from '../../core/path/tap.js';
import {type Flow, formOf, formsOf, turned} from './flow.js';
import {dissect, quoted, type Seen} from './frame.js';
import {devicesOf, keyOf, type Point} from './points.js';
import {captureAt, type Wire} from './wire.js';

export type Direction = 'there' | 'back';

/** One device and whether the packet was seen at it. */
export interface Sighting extends Pick<Tap, 'node' | 'pod' | 'dev'> {
  readonly direction: Direction;
  /** Number of its hop; undefined for devices that the packet should not come to. */
  readonly hop?: number;
  readonly way?: Tap['way'];
  readonly tunnelled: boolean;
  /** The walk says that it comes here; undefined where it cannot say. */
  readonly expected: boolean | undefined;
  /** Undefined: nobody could look. */
  readonly seen: boolean | undefined;
}

const walkOf = ({traced}: Flow, direction: Direction): Walk | undefined => (direction === 'there' ? traced.there : traced.back);

/**
 * Where a packet was seen on one of its ways: at each device that the walk names, in its order, then at those devices of both ends that it
 * does not name, where the walk says that the packet gets lost.
 */
export function sightings(flow: Flow, wire: Wire, direction: Direction): readonly Sighting[] {
  const walk = walkOf(flow, direction);
  if (!walk) return [];
  const taps = tapsOf(walk);
  const known = recogniser(flow, wire, direction);
  const named = taps.map(({tap, hop}): Sighting => {
    const tunnelled = tap.tunnel !== undefined;
    const sealed = tap.tunnel?.via === 'wireguard' || tap.tunnel?.via === 'esp' ? tap.tunnel : undefined;
    const seen = at(wire, tap, (one) => (sealed ? isSealed(one, sealed) : one.tunnelled === tunnelled && known(one, [tap.packet])));
    return {
      direction,
      hop,
      node: tap.node,
      ...(tap.pod !== undefined && {pod: tap.pod}),
      dev: tap.dev,
      way: tap.way,
      tunnelled,
      expected: tap.maybe ? undefined : true,
      seen,
    };
  });
  if (walk.verdict.kind === 'reachable') return named;
  const {world, from, to, family} = flow.traced;
  const alone = from.node === to.node;
  const [near, far] = direction === 'there' ? [from, to] : [to, from];
  const forms = formsOf(flow).map((form) => (direction === 'there' ? form : turned(form)));
  const all = formsOf(flow).flatMap((form) => [form, turned(form)]);
  const passed = new Set(taps.map(({tap}) => keyOf(tap)));
  const beyond = [...devicesOf(world, near, family, alone), ...devicesOf(world, far, family, alone)].filter((p) => !passed.has(keyOf(p)));
  const unnamed = [...new Map(beyond.map((p) => [keyOf(p), p])).values()].map((point): Sighting => {
    const seen = at(wire, point, (one) => isFor(one, point) && known(one, direction === 'there' ? forms : all));
    return {
      direction,
      node: point.node,
      ...(point.pod !== undefined && {pod: point.pod}),
      dev: point.dev,
      tunnelled: false,
      expected: false,
      seen,
    };
  });
  return [...named, ...unnamed];
}

/** Was the packet seen inside its receiver, or at the receiving node's wires? Undefined: nobody could look. */
export function arrived(flow: Flow, wire: Wire): boolean | undefined {
  const {world, from, to, family, there} = flow.traced;
  const last = tapsOf(there).at(-1)?.tap;
  const inside = devicesOf(world, to, family, from.node === to.node).filter((p) => p.pod !== undefined);
  const node = last && to.kind === 'node' && there.verdict.kind === 'reachable' && last.node === to.node ? [last] : [];
  const points: readonly Pick<Point, 'node' | 'pod' | 'dev'>[] = inside.length > 0 ? inside : node;
  const known = recogniser(flow, wire, 'there');
  const forms = last ? [...formsOf(flow), last.packet] : formsOf(flow);
  const looks = points.map((point) => at(wire, point, (one) => !one.tunnelled && known(one, forms)));
  if (looks.includes(true)) return true;
  return looks.length === 0 || looks.includes(undefined) ? undefined : false;
}

/** Other proposals for ESP than flannel's make packets of a few bytes more or less. */
const SLACK = 24;

/** What is encrypted is known by who sends it to whom, and by its size. */
const isSealed = ({sealed, form, size}: Seen, {via, src, dst, size: wanted}: Carrier): boolean =>
  sealed === via && form.src === src && form.dst === dst && Math.abs(size - wanted) <= (via === 'esp' ? SLACK : 0);

/** A switch floods what it does not know: only a frame that comes from or goes to this device, or what is behind it, counts. */
const isFor = ({macs}: Seen, {mac}: Point): boolean => mac === undefined || macs.length === 0 || macs.includes(mac);

function at(wire: Wire, point: Pick<Point, 'node' | 'pod' | 'dev'>, test: (seen: Seen) => boolean): boolean | undefined {
  const found = captureAt(wire, point);
  return found?.file.packets.some((packet) => {
    const seen = dissect(packet, found.file.linktype, wire.carriers);
    return seen !== undefined && test(seen);
  });
}

/**
 * Is this packet the flow's, with one of these pairs of addresses? By the mark in its payload or by its source port; where no packet bears
 * either (a busybox ping cannot be marked), by its size.
 */
function recogniser(flow: Flow, wire: Wire, direction: Direction): (seen: Seen, forms: readonly Form[]) => boolean {
  const marked = [flow.marker, Buffer.from(flow.marker, 'hex')];
  const original = formOf(flow);
  const bears = (seen: Seen): boolean => marked.some((mark) => seen.rest.includes(mark));
  const ours = (seen: Seen): boolean =>
    flow.proto === 'tcp' ? seen.proto === 6 && [seen.sport, seen.dport].includes(flow.sport) : bears(seen);
  const strict = wire.captures.some(({file}) =>
    file.packets.some((packet) => {
      const seen = dissect(packet, file.linktype, wire.carriers);
      return seen !== undefined && ours(seen);
    }),
  );
  const same = (a: Form, b: Form | undefined): boolean => b !== undefined && a.src === b.src && a.dst === b.dst;
  const fits = (seen: Seen): boolean => {
    const six = seen.form.family === 6;
    const translated = !same(seen.form, original) && !same(turned(seen.form), original);
    if (flow.proto === 'icmp') {
      const type = direction === 'there' ? (six ? 128 : 8) : six ? 129 : 0;
      return seen.proto === (six ? 58 : 1) && seen.type === type && (strict ? bears(seen) : seen.size === flow.traced.size);
    }
    if (flow.proto === 'udp' && direction === 'back' && seen.proto === (six ? 58 : 1)) {
      const about = seen.type === (six ? 1 : 3) && seen.code === (six ? 4 : 3) ? quoted(seen) : undefined;
      return (
        about !== undefined && about.proto === 17 && (translated || (about.dport === flow.port && (!strict || about.sport === flow.sport)))
      );
    }
    if (seen.proto !== (flow.proto === 'tcp' ? 6 : 17)) return false;
    const [theirs, own] = direction === 'there' ? [seen.dport, seen.sport] : [seen.sport, seen.dport];
    if (flow.proto === 'udp' && direction === 'there') return strict ? bears(seen) : seen.size === flow.traced.size && theirs === flow.port;
    return translated || (theirs === flow.port && (!strict || own === flow.sport));
  };
  return (seen, forms) => seen.sealed === undefined && forms.some((form) => same(seen.form, form)) && fits(seen);
}
