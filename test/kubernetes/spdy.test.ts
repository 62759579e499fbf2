import {duplexPair} from 'node:stream';
import {crc32} from 'node:zlib';
import {expect, test} from 'vitest';
import {dictionary, readHeaders, spdyLine} from './spdy.js';

/** What kubectl never sends, or not in a test's time. That its execs work is shown in kubectl.test.ts. */
const control = (type: number, ...words: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(8 + 4 * words.length);
  for (const [i, word] of [0x80030000 + type, 4 * words.length, ...words].entries()) bytes.writeUInt32BE(word, 4 * i);
  return bytes;
};
const answers = async (...sent: readonly Buffer[]): Promise<{readonly answered: string; readonly closed: boolean}> => {
  const [client, server] = duplexPair();
  let answered = Buffer.alloc(0);
  client.on('data', (part: Buffer) => {
    answered = Buffer.concat([answered, part]);
  });
  const line = spdyLine(server, sent[0]!, ['error']);
  let closed = false;
  line.onClose = () => {
    closed = true;
  };
  for (const part of sent.slice(1)) client.write(part);
  await expect.poll(() => answered.length).toBeGreaterThan(0);
  await new Promise((done) => setImmediate(done));
  line.cut();
  return {answered: answered.toString('hex'), closed};
};

test('the dictionary is that of draft 3', () => {
  expect([dictionary.length, crc32(dictionary)]).toEqual([1423, 0x4c8490e]);
});

test('a ping of the client comes back as it is, also when its frame comes in pieces', async () => {
  const ping = control(6, 5);
  expect(await answers(ping.subarray(0, 3), ping.subarray(3, 9), ping.subarray(9))).toEqual({
    answered: ping.toString('hex'),
    closed: false,
  });
});

test('data of a stream that nobody opened is refused with that stream’s number', async () => {
  const data = Buffer.from('0000000700000001ff', 'hex');
  expect(await answers(data)).toEqual({answered: control(3, 7, 2).toString('hex'), closed: false});
});

test.each([
  {what: 'another version', sent: [Buffer.from('8002000600000004', 'hex'), Buffer.alloc(4)]},
  {what: 'a frame of no type', sent: [control(99, 1)]},
  {what: 'headers that no dictionary explains', sent: [control(1, 1, 0, 0x0000ffff)]},
])('$what: the connection ends, with the reason', async ({sent}) => {
  expect(await answers(...sent)).toEqual({answered: control(7, 0, 1).toString('hex'), closed: true});
});

test('a header that reaches beyond its block is an error', () => {
  expect(() => readHeaders(Buffer.from('0000000100000009ab', 'hex'))).toThrow(RangeError);
});
