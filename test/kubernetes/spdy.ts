import type {Duplex} from 'node:stream';
import {constants, createDeflate, createInflate, type Deflate, type Inflate} from 'node:zlib';
import type {ExecLine} from './exec.js';

/**
 * The server's side of SPDY/3.1, as much as an exec needs: the client opens streams, which are answered and carry data both ways until each
 * side has said that it is done. Windows of the other side are not minded, as Go's spdystream, which kubectl and the kubelet use, minds none.
 * The frames: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
 */
const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const HEADERS = 8;
const WINDOW_UPDATE = 9;
const FIN = 1;
const PROTOCOL_ERROR = 1;
const INVALID_STREAM = 2;
const REFUSED_STREAM = 3;

/** What both sides' compression begins with (draft 3, 2.6.10.1): words after their length, and then a text without. */
const words =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization ' +
  'cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range ' +
  'content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified ' +
  'location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding ' +
  'upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin';
const text =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information' +
  '204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error' +
  '501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, ' +
  'Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public' +
  'privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';
const sized = (word: string): Buffer => Buffer.concat([u32(Buffer.byteLength(word)), Buffer.from(word)]);
const u32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i);
  return bytes;
};
export const dictionary: Buffer = Buffer.concat([...words.split(' ').map((word) => sized(word.replace('_', ' '))), Buffer.from(text)]);

/** Name and value pairs, each after its length. */
export function readHeaders(block: Buffer): ReadonlyMap<string, string> {
  let at = 4;
  const string = (): string => {
    const start = at + 4;
    at = start + block.readUInt32BE(at);
    if (at > block.length) throw new RangeError('a header reaches beyond its block');
    return block.toString('utf8', start, at);
  };
  return new Map(Array.from({length: block.readUInt32BE(0)}, () => [string(), string()] as const));
}

/** One side's compression goes on over all frames. */
async function through(zlib: Inflate | Deflate, block: Buffer): Promise<Buffer> {
  await new Promise<void>((done, failed) => {
    zlib.once('error', failed).write(block);
    zlib.flush(constants.Z_SYNC_FLUSH, done);
  });
  zlib.removeAllListeners('error');
  return (zlib.read() as Buffer | null) ?? Buffer.alloc(0);
}

interface Frame {
  /** Of a control frame; absent of data. */
  readonly type?: number;
  readonly stream: number;
  readonly flags: number;
  readonly body: Buffer;
}

async function* frames(socket: Duplex, head: Buffer): AsyncGenerator<Frame> {
  let buffer = head;
  const whole = function* (): Generator<Frame> {
    for (;;) {
      const end = buffer.length < 8 ? Infinity : 8 + buffer.readUIntBE(5, 3);
      if (buffer.length < end) return;
      const first = buffer.readUInt32BE(0);
      const control = first >>> 31 === 1;
      if (control && ((first >>> 16) & 0x7fff) !== 3) throw new RangeError('not version 3');
      const frame = {stream: control ? 0 : first, flags: buffer[4]!, body: buffer.subarray(8, end)};
      buffer = buffer.subarray(end);
      yield control ? {...frame, type: first & 0xffff} : frame;
    }
  };
  yield* whole();
  // Whoever gives up in the middle still says why.
  for await (const part of socket.iterator({destroyOnReturn: false})) {
    buffer = Buffer.concat([buffer, part as Buffer]);
    yield* whole();
  }
}

const channels: readonly string[] = ['stdin', 'stdout', 'stderr', 'error'];

/**
 * The line of an exec over a socket that was upgraded to SPDY/3.1. `asked` are the streams that the client will open (`error` always); what is
 * sent on one before it is open waits for it.
 */
export function spdyLine(socket: Duplex, head: Buffer, asked: readonly string[]): ExecLine {
  const inflate = createInflate({dictionary});
  const deflate = createDeflate({dictionary});
  /** Stream numbers by what they carry, once they are answered. */
  const open = new Map<string, number>();
  const waiting = new Map(asked.map((name) => [name, [] as {readonly flags: number; readonly data: Buffer}[]]));
  let last = 0;
  let ended = false;
  const line: ExecLine = {
    onStdin: () => undefined,
    onClose: () => undefined,
    send: (channel, data) => put(channels[channel]!, 0, Buffer.from(data)),
    end: () => {
      ended = true;
      for (const name of asked) if (name !== 'stdin') put(name, FIN, Buffer.alloc(0));
      leave();
    },
    cut: () => void socket.destroy(),
  };
  const control = (type: number, body: Buffer, flags = 0): void =>
    void (socket.writable && socket.write(Buffer.concat([u32(0x80030000 + type, flags * 0x1000000 + body.length), body])));
  const put = (name: string, flags: number, data: Buffer): void => {
    const stream = open.get(name);
    if (stream === undefined) waiting.get(name)?.push({flags, data});
    else if (socket.writable) socket.write(Buffer.concat([u32(stream, flags * 0x1000000 + data.length), data]));
  };
  /** All was said on streams that are open: the connection is over. */
  const leave = (): void => {
    if (!ended || [...waiting.keys()].some((name) => !open.has(name))) return;
    control(GOAWAY, u32(last, 0));
    socket.end();
  };
  const opened = async (body: Buffer): Promise<void> => {
    const stream = body.readUInt32BE(0);
    // Streams of the client are odd and go up; the block is read whatever becomes of the stream, for what follows builds on it.
    const headers = readHeaders(await through(inflate, body.subarray(10)));
    if (stream % 2 === 0 || stream <= last) throw new RangeError('a stream that is none of the client');
    last = stream;
    const name = headers.get('streamtype') ?? '';
    if (!waiting.has(name) || open.has(name)) {
      control(RST_STREAM, u32(stream, REFUSED_STREAM));
      return;
    }
    control(SYN_REPLY, Buffer.concat([u32(stream), await through(deflate, u32(0))]));
    open.set(name, stream);
    for (const {flags, data} of waiting.get(name)!) put(name, flags, data);
    leave();
  };
  const data = ({stream, flags, body}: Frame): void => {
    if (![...open.values()].includes(stream)) control(RST_STREAM, u32(stream, INVALID_STREAM));
    if (stream !== open.get('stdin')) return;
    if (body.length > 0) {
      line.onStdin(body);
      control(WINDOW_UPDATE, u32(stream, body.length));
      control(WINDOW_UPDATE, u32(0, body.length));
    }
    if (flags & FIN) line.onStdin(undefined);
  };
  const take = async (frame: Frame): Promise<void> => {
    const {type, body} = frame;
    if (type === undefined) data(frame);
    else if (type === SYN_STREAM) await opened(body);
    else if (type === HEADERS) await through(inflate, body.subarray(4));
    else if (type === RST_STREAM && body.readUInt32BE(0) === open.get('stdin')) line.onStdin(undefined);
    // Numbers of the client's own are odd; others would be answers to ours.
    else if (type === PING && body.readUInt32BE(0) % 2 === 1) control(PING, body);
    else if (![RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE].includes(type)) throw new RangeError(`frame of type ${type}`);
  };
  socket.on('error', () => undefined);
  void (async () => {
    try {
      for await (const frame of frames(socket, head)) await take(frame);
    } catch {
      // Of a client that does not keep to the protocol, or a connection that broke.
      control(GOAWAY, u32(last, PROTOCOL_ERROR));
    }
    socket.destroy();
    inflate.close();
    deflate.close();
    line.onClose();
  })();
  return line;
}
