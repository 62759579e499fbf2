import type {Drawing, Header} from '../core/modes/mode.js';

/** Columns of a whole drawing, where the words let it: an old terminal's. */
const COLUMNS = 80;
/** Of a node between its borders, at least. */
const NODE = 29;
const UPLINK = 1500;

/** The packet's way from pod to pod, and what is on the wire, in lines of 80 columns, or as many as the mode's longest words ask for. */
export function drawn(drawing: Drawing): readonly string[] {
  const nodes = way(drawing);
  const used = words.filter(([word]) => nodes.some((line) => line.includes(word)));
  return [
    ...nodes,
    ...(used.length > 0 ? [` ${used.map(([word, means]) => `${word.trim()} is ${means}`).join(' · ')}`] : []),
    '',
    ...stack(drawing),
  ];
}

/** What the letters of a drawing stand for. */
const words: readonly (readonly [word: string, means: string])[] = [
  ['SUB(B)', 'the subnet of B’s pods'],
  ['NET', 'the network of all pods'],
  [' P ', 'pod-b’s address'],
];

const columns = (text: string): number => [...text].length;

/** Two nodes side by side; a packet goes down on the left, over the wire at the bottom, and up on the right. */
function way(drawing: Drawing): readonly string[] {
  const {device, route, finds, carries, takes, bridge = 'cni0', arrives = `route: SUB(B) dev ${bridge}`, uplink = 'eth0'} = drawing;
  const alone = bridge === 'none';
  const left = [
    'pod-a',
    ...(alone ? [] : ['▼ its default route', bridge]),
    `▼ ${route}`,
    ...(device ? [device, `▼ ${finds}`] : []),
    uplink,
  ];
  const right = ['pod-b', ...(alone ? [] : ['▲ its veth', bridge]), `▲ ${arrives}`, ...(device ? [device, `▲ ${takes}`] : []), uplink];
  const inner = Math.max(NODE, ...[...left, ...right].map((text) => columns(text) + 2));
  const wide = Math.max(columns(carries) + 2, COLUMNS - 4 - 2 * inner);
  const line = (text: string): string => ` ${text}${' '.repeat(inner - 1 - columns(text))}`;
  const top = (name: string): string => `┌─ ${name} ${'─'.repeat(inner - 3 - columns(name))}┐`;
  const bottom = `└${'─'.repeat(inner)}┘`;
  const gap = ' '.repeat(wide);
  const label = carries.padStart(Math.floor((wide + columns(carries)) / 2)).padEnd(wide);
  const rows = left.map((text, i) => {
    const near = i === left.length - 1 ? ` ${text} ${'─'.repeat(inner - 2 - columns(text))}┼${'─'.repeat(wide - 1)}▶┼` : `${line(text)}│`;
    const between = i === left.length - 1 ? '' : `${i === left.length - 2 ? label : gap}│`;
    return `│${near}${between}${line(right[i]!)}│`;
  });
  return [`${top('node A')}${gap}${top('node B')}`, ...rows, `${bottom}${gap}${bottom}`];
}

const bytesOf = (headers: readonly Header[]): number => headers.reduce((sum, [, bytes]) => sum + bytes, 0);

/** Every header before and behind the pod's packet with its bytes, and what they add up to. The frame's own header is no part of an MTU. */
function stack({before, after = [], room, more}: Drawing): readonly string[] {
  const pod: Header = ["pod's packet", UPLINK - room];
  const cells: readonly (readonly [name: string, bytes: string])[] = [
    ['Ethernet', '14'],
    ...before.map(([name, bytes]) => [name, String(bytes)] as const),
    [pod[0], `up to ${pod[1]}`],
    ...after.map(([name, bytes]) => [name, String(bytes)] as const),
  ];
  const widths = cells.map(([name, bytes]) => Math.max(name.length, bytes.length) + 2);
  const border = (from: string, joint: string, to: string): string => `${from}${widths.map((w) => '─'.repeat(w)).join(joint)}${to}`;
  const row = (at: 0 | 1): string => `│${cells.map((cell, i) => ` ${cell[at]}`.padEnd(widths[i]!)).join('│')}│`;
  const total = bytesOf(before) + bytesOf(after);
  const note = total === 0 ? 'nothing is added' : `${total} bytes are added`;
  const rest = `of an uplink of ${UPLINK} bytes a pod's packet has ${room === 0 ? 'all' : UPLINK - room}`;
  return [border('┌', '┬', '┐'), row(0), row(1), border('└', '┴', '┘'), `${note}: ${rest}`, ...(more === undefined ? [] : [`(${more})`])];
}
