import {expect, test} from 'vitest';
import type {Connect} from '../../src/edge/probes/connect.js';
import {packetsOf} from '../../src/edge/probes/packets.js';
import {readyScript, watchScript} from '../../src/edge/probes/watch-script.js';
import {onWire} from '../../src/edge/probes/wire.js';
import {openTrace} from '../../src/edge/trace.js';
import {edited} from '../edited.js';

/** A capture in which nothing was seen. */
const empty = 'd4c3b2a10200040000000000000000000000010001000000';

/** Nodes that do nothing, and say of their captures what they are told to. */
const connect =
  (ready: {readonly [node: string]: string}): Connect =>
  async (node) => ({
    node,
    via: 'nothing',
    run: async (script, args) => {
      const mark = args[args.indexOf('--mark') + 1]!;
      const ids = args.filter((word) => /^\d$/.test(word));
      const said =
        script === readyScript
          ? `${ready[node]}\n`
          : script === watchScript
            ? `${ids.map((id) => `${mark}@ ${id}\n${empty}\n`).join('')}${mark}. end\n`
            : '';
      return {code: 0, stdout: Buffer.from(said), stderr: ''};
    },
    [Symbol.asyncDispose]: async () => {},
  });

test('what a capture did not see that was not ready yet says nothing', async () => {
  const dumps = await edited('vxlan', ['n1', 'host', (out) => `${out} `]);
  const evidence = {
    async *nodes() {
      yield* dumps;
    },
  };
  const tracer = await openTrace(evidence, {});
  const wish = {proto: 'icmp'} as const;
  const asked = await tracer.trace(tracer.endpoint('n1-p1'), tracer.endpoint('n2-p1'), wish);
  const flows = (await packetsOf(tracer, asked, wish)).slice(0, 1);
  const ready = {n1: 'listening 2 late 3', n2: 'listening 5 late 0'};
  const common = {flows, spaces: new Map(), watch: 'every', tries: 1, wait: 0.1, signal: new AbortController().signal} as const;
  const {captures, gaps} = await onWire({...common, connect: connect(ready)});
  expect(new Set(captures.map(({point}) => point.node))).toEqual(new Set(['n2']));
  expect(gaps).toEqual([{node: 'n1', what: 'capture', why: '3 of its captures were not ready when the packets were sent'}]);
});
