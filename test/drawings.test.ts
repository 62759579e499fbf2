import {describe, expect, test} from 'vitest';
import {modes} from '../src/core/modes/index.js';
import {drawn} from '../src/edge/explain-drawing.js';

/** Modes of which nobody can say what carries their packets. */
const opaque = ['extension'];

describe('the drawing of a mode', () => {
  test.each(modes.filter(({type}) => !opaque.includes(type)))('$type: says of bytes what the mode says, and stays in its boxes', (mode) => {
    const {drawing} = mode.explain;
    expect(drawing).toBeDefined();
    const {before, after = [], room} = drawing!;
    const added = [...before, ...after].reduce((sum, [, bytes]) => sum + bytes, 0);
    // ESP's padding is not the same for every packet: the mode reckons with the most.
    const padding = mode.type === 'ipsec' ? 3 : 0;
    expect(mode.overhead(4) - added).toBe(padding);
    expect(mode.podMtu(mode.settings({}), 1500)).toBe(1500 - room);
    const lines = drawn(drawing!);
    expect(lines.filter((line) => [...line].length > 80)).toEqual([]);
    const boxes = lines.filter((line) => /^[│┌└].*[│┐┘]$/.test(line)).slice(0, lines.findIndex((line) => line.startsWith('└')) + 1);
    expect(boxes.length).toBe(lines.findIndex((line) => line.startsWith('└')) + 1);
    expect(new Set(boxes.map((line) => [...line].length)).size).toBe(1);
  });
});
