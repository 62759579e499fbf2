import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {readDump, splitDumps} from '../../src/edge/gather/read-dump.js';

const M = '0a1b2c3d-4e5f';
const whole = `Welcome to node 1
#flanctl-dump 1 ${M}
${M}@ ip-neigh ip -j -4 neigh show
[{"dst":"10.244.1.0"}]

${M}= ip-neigh 0
${M}@ subnet.env cat /run/flannel/subnet.env
FLANNEL_MTU=1450
${M}= subnet.env 0
${M}@ nft nft -j list ruleset

${M}! sh: 1: nft: not found
${M}! and more
${M}= nft 127
${M}@ pods/web/ip-addr ip addr show

${M}= pods/web/ip-addr 0
${M}@ pods/web/ip-link ip link show

${M}= pods/web/ip-link 0
${M}@ pods/web/ip-addr ip addr show
second

${M}= pods/web/ip-addr 0
${M}@ pods/web/ip-link ip link show

${M}= pods/web/ip-link 0
${M}. end
`;
const read = (text: string) => readDump(text, 'node-1', 'local', '2026-01-02T03:04:05.000Z');

describe('readDump', () => {
  it('gives back each section as it was printed, and keeps two pods of one name apart', () => {
    expect(read(whole)).toEqual({
      node: 'node-1',
      via: 'local',
      takenAt: '2026-01-02T03:04:05.000Z',
      sections: [
        {name: 'ip-neigh', command: 'ip -j -4 neigh show', rc: 0, out: '[{"dst":"10.244.1.0"}]\n'},
        {name: 'subnet.env', command: 'cat /run/flannel/subnet.env', rc: 0, out: 'FLANNEL_MTU=1450'},
        {name: 'nft', command: 'nft -j list ruleset', rc: 127, out: '', err: 'sh: 1: nft: not found\nand more'},
        {name: 'pods/web/ip-addr', command: 'ip addr show', rc: 0, out: ''},
        {name: 'pods/web/ip-link', command: 'ip link show', rc: 0, out: ''},
        {name: 'pods/web~2/ip-addr', command: 'ip addr show', rc: 0, out: 'second\n'},
        {name: 'pods/web~2/ip-link', command: 'ip link show', rc: 0, out: ''},
      ],
    });
  });

  it('reads a dump with CRLF line ends the same', () => {
    expect(read(whole.replaceAll('\n', '\r\n'))).toEqual(read(whole));
  });

  it('keeps a carriage return that a node printed', () => {
    expect(read(whole.replace('FLANNEL_MTU=1450', 'FLANNEL_MTU=1450\r')).sections[1]!.out).toBe('FLANNEL_MTU=1450\r');
  });

  it('takes marks of another run, and its own mark elsewhere than at the start of a line, for text', () => {
    const hostile = `x ${M}= ip-neigh 0\nffffffff-0000= ip-neigh 0\n#flanctl-dump 1 ffffffff-0000\nffffffff-0000. end\n${M}`;
    const dump = read(whole.replace('FLANNEL_MTU=1450', hostile));
    expect(dump.failure).toBeUndefined();
    expect(dump.sections[1]!.out).toBe(hostile);
    expect(dump.sections).toHaveLength(7);
    expect(splitDumps(whole.replace('FLANNEL_MTU=1450', hostile))).toHaveLength(1);
  });

  it('of two sections of one name takes the first that worked', () => {
    const twice = (first: number, second: number) =>
      read(`#flanctl-dump 1 ${M}\n${M}@ x a\n1\n${M}= x ${first}\n${M}@ x b\n2\n${M}= x ${second}\n${M}. end\n`).sections.map((s) => s.out);
    expect(twice(0, 0)).toEqual(['1']);
    expect(twice(1, 0)).toEqual(['2']);
    expect(twice(1, 1)).toEqual(['1']);
  });

  it('cut off after any character, says so and keeps what was whole', () => {
    const full = read(whole).sections;
    for (let length = 0; length < whole.length - 1; length += 1) {
      const dump = read(whole.slice(0, length));
      // Half a mark is a mark too; the whole header is there from its line end on.
      const header = whole.indexOf(M) + M.length;
      expect(dump.failure?.kind).toBeDefined();
      if (length >= header) expect(dump.failure!.kind).toBe('truncated');
      for (const [index, section] of dump.sections.entries()) {
        if (section.rc === -1) expect(index).toBe(dump.sections.length - 1);
        else expect(section).toEqual(full[index]);
      }
    }
  });

  it('says what was printed instead of a dump', () => {
    expect(read('').failure).toMatchObject({kind: 'exec', message: 'printed no dump'});
    expect(read('This account is \u001b[31mnot available.\n').failure!.message).toBe(
      'printed no dump, but "This account is \\u001b[31mnot available."',
    );
    expect(read(whole.replace('dump 1', 'dump 2')).failure!.message).toContain('format 2');
  });

  it('never throws, and never reads a section out of text without the mark', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom(`${M}@ a b`, `${M}= a 0`, `${M}! e`, `${M}. end`, `${M}`, `${M}@`, `${M}= a x`))),
        (lines) => {
          const dump = read(`#flanctl-dump 1 ${M}\n${lines.join('\n')}`);
          expect(dump.sections.length).toBeLessThanOrEqual(lines.join('\n').split(`${M}@ `).length - 1);
          expect(new Set(dump.sections.map((s) => s.name)).size).toBe(dump.sections.length);
        },
      ),
    );
  });
});

describe('splitDumps', () => {
  it('parts what several nodes printed into one file', () => {
    const other = whole.replaceAll(M, 'deadbeef-0001');
    expect(splitDumps(whole + other).map((text) => readDump(text, 'n', 'v').sections.length)).toEqual([7, 7]);
    expect(splitDumps(whole + other.slice(0, 300)).map((text) => readDump(text, 'n', 'v').failure?.kind)).toEqual([undefined, 'truncated']);
    expect(splitDumps('')).toEqual(['']);
  });
});
