import type {Drawing, Header} from '../core/modes/mode.js';

/** Columns of a node's box between its borders, and of the wire between two. */
const BOX = 34;
const WIRE = 24;
const UPLINK = 1500;

/** The packet's way from pod to pod, and what is on the wire, in lines of at most 100 columns. */
export function drawn(drawing: Drawing): readonly string[] {
  return [...way(drawing), '', ...stack(drawing)];
}

/** Two nodes side by side; a packet goes down on the left, over the wire at the bottom, and up on the right. */
function way({device, route, finds, carries, takes}: Drawing): readonly string[] {
  const tunnel = device !== undefined;
  const left = [
    'pod-a',
    '│ its default route',
    'cni0',
    tunnel ? `│ ${route}` : `▼ ${route}`,
    ...(tunnel ? [device, `▼ ${finds}`] : []),
    'eth0',
  ];
  const right = ['pod-b', '▲ the bridge', 'cni0', '│ route: SUB(B) dev cni0', ...(tunnel ? [device, `│ ${takes}`] : []), 'eth0'];
  const edge = (from: string, to: string): string => `${from}${'─'.repeat(BOX)}${to}`;
  const title = (name: string): string => `  ${name}`.padEnd(BOX + 2);
  const gap = ' '.repeat(WIRE);
  const line = (text: string): string => ` ${text}`.padEnd(BOX);
  const label = ` ${carries} `;
  const before = Math.floor((WIRE - label.length - 1) / 2);
  const wire = `${'─'.repeat(before)}${label}`.padEnd(WIRE - 1, '─').concat('▶');
  const rows = left.map((text, i) => {
    const last = i === left.length - 1;
    const near = last ? `${` ${text} `.padEnd(BOX, '─')}` : line(text);
    return last ? `│${near}┼${wire}│${line(right[i]!)}│` : `│${near}│${gap}│${line(right[i]!)}│`;
  });
  return [
    `${title('node A')}${gap}${title('node B')}`.trimEnd(),
    `${edge('┌', '┐')}${gap}${edge('┌', '┐')}`,
    ...rows,
    `${edge('└', '┘')}${gap}${edge('└', '┘')}`,
  ];
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
