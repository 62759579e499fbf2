"""One node's part of the witness: numbered UDP datagrams at a steady rate and long TCP streams, sent and received in network namespaces.

usage: witness.py CONFIG (JSON, see witness.ts)

It shares nothing with flanctl: what it says of a change is seen, not reported. Commands on stdin, one a line:
  connect   opens the TCP streams and wakes every flow's path      -> {"connected": [[stream, why not], ...]}
  go        begins to send
  stop      ends sending                                           -> {"sent": {flow: datagrams}, "refused": {flow: errors}, "wrote": {stream: bytes}}
  end JSON  {"flows": {flow: datagrams}, "streams": {stream: bytes}}: what others have sent to this one; waits for it until nothing more comes
                                                                   -> {"flows": {...}, "streams": {...}, "clients": {...}}
A flow keeps its average rate: what a busy machine made late is sent at once, so that the count never depends on the machine.
"""
import ctypes
import gc
import json
import os
import select
import socket
import struct
import sys
import time

TICK = 0.001
QUIET = 2.0
WARM = (1 << 64) - 1
HEAD = struct.Struct('!IQ')
CHUNK = 4096
WRITE_EVERY = 0.01
PATTERN = bytes(i % 251 for i in range(251 * 600))
SO_RCVBUFFORCE = 33
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_DO = 10, 23, 2

libc = ctypes.CDLL(None, use_errno=True)
config = json.loads(sys.argv[1])
home = os.open('/proc/self/ns/net', os.O_RDONLY)


def inside(name, family, kind):
    """A socket lives where it was made, whoever holds it."""
    there = os.open('/run/netns/' + name, os.O_RDONLY)
    try:
        if libc.setns(there, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), 'setns ' + name)
        return socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
    finally:
        libc.setns(home, 0x40000000)
        os.close(there)


class Received:
    """What came of one flow. Everything else is counted, not kept."""

    def __init__(self):
        self.next = 0
        self.count = 0
        self.missing = {}
        self.late = 0
        self.twice = 0

    def take(self, seq):
        if seq == self.next:
            self.next += 1
            self.count += 1
        elif seq > self.next:
            for lost in range(self.next, seq):
                self.missing[lost] = True
            self.next = seq + 1
            self.count += 1
        elif self.missing.pop(seq, False):
            self.late += 1
            self.count += 1
        else:
            self.twice += 1

    def told(self, sent):
        lost = sorted(self.missing) + list(range(self.next, sent))
        runs = []
        for seq in lost:
            if runs and runs[-1][1] == seq - 1:
                runs[-1][1] = seq
            else:
                runs.append([seq, seq])
        return {'received': self.count, 'lost': len(lost), 'reordered': self.late, 'duplicated': self.twice, 'runs': runs[:20]}


class Stream:
    """The server's end of one TCP stream: the bytes must be the pattern, from the first to the last."""

    def __init__(self, sock):
        self.sock = sock
        self.head = b''
        self.id = None
        self.got = 0
        self.wrong = None
        self.end = None
        self.last = None
        self.pause = 0.0

    def read(self, now):
        try:
            data = self.sock.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError as error:
            self.end = error.strerror
            return False
        if not data:
            self.end = 'whole'
            return False
        if self.id is None:
            self.head += data
            if len(self.head) < 4:
                return True
            self.id, data = struct.unpack('!I', self.head[:4])[0], self.head[4:]
        if self.last is not None:
            self.pause = max(self.pause, now - self.last)
        self.last = now
        at = self.got % 251
        if self.wrong is None and data != PATTERN[at : at + len(data)]:
            self.wrong = self.got
        self.got += len(data)
        return True


class Client:
    def __init__(self, spec):
        self.id = spec['id']
        self.sock = inside(spec['netns'], spec['family'], socket.SOCK_STREAM)
        self.sock.settimeout(5)
        if 'segment' in config:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, config['segment'])
        self.address = (spec['to'], config['port'])
        self.wrote = 0
        self.error = None

    def connect(self):
        try:
            self.sock.connect(self.address)
            self.sock.sendall(struct.pack('!I', self.id))
            self.sock.setblocking(False)
        except OSError as error:
            self.error = error.strerror or str(error)

    def write(self):
        if self.error is not None:
            return
        at = self.wrote % 251
        try:
            self.wrote += self.sock.send(PATTERN[at : at + CHUNK])
        except BlockingIOError:
            pass
        except OSError as error:
            self.error = error.strerror or str(error)

    def finish(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.error = self.error or error.strerror

    def told(self):
        try:
            # tcpi_total_retrans
            retransmits = struct.unpack_from('=I', self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0]
        except OSError:
            retransmits = None
        return {'error': self.error, 'retransmits': retransmits}


def main():
    gc.disable()
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[config['slot'] % len(os.sched_getaffinity(0))]})
    poll = select.poll()
    udp, listeners, streams = {}, {}, {}
    ended = []
    for server in config['servers']:
        family = server['family']
        sock = inside(server['netns'], family, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 27)
        sock.bind((server['address'], config['port']))
        sock.setblocking(False)
        udp[sock.fileno()] = sock
        listener = inside(server['netns'], family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((server['address'], config['port']))
        listener.listen(256)
        listener.setblocking(False)
        listeners[listener.fileno()] = listener
    flows = []
    for flow in config['flows']:
        sock = inside(flow['netns'], flow['family'], socket.SOCK_DGRAM)
        if flow['family'] == 4:
            sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO)
        sock.setsockopt(socket.SOL_SOCKET, 32, 1 << 24)
        sock.bind((flow['from'], 0))
        sock.connect((flow['to'], config['port']))
        flows.append([flow['id'], sock, 0, 0])
    clients = [Client(spec) for spec in config['streams']]
    received = {}
    for fd in [0, *udp, *listeners]:
        poll.register(fd, select.POLLIN)
    padding = bytes(max(0, config['size'] - HEAD.size))
    rate = config['rate']
    began = None
    stopped = False
    next_write = 0.0
    expected = None
    last_news = 0.0
    answer = lambda value: print(json.dumps(value), flush=True)
    answer('ready')
    commands = b''
    while True:
        sending = began is not None and not stopped
        for fd, _ in poll.poll(TICK * 1000 if sending else 20):
            if fd in udp:
                sock = udp[fd]
                try:
                    for _ in range(256):
                        flow, seq = HEAD.unpack_from(sock.recv(2048))
                        if seq != WARM:
                            got = received.get(flow)
                            if got is None:
                                got = received[flow] = Received()
                            got.take(seq)
                except BlockingIOError:
                    pass
                last_news = time.monotonic()
            elif fd in listeners:
                try:
                    stream = Stream(listeners[fd].accept()[0])
                except BlockingIOError:
                    continue
                stream.sock.setblocking(False)
                streams[stream.sock.fileno()] = stream
                poll.register(stream.sock, select.POLLIN)
            elif fd in streams:
                last_news = time.monotonic()
                if not streams[fd].read(last_news):
                    poll.unregister(fd)
                    ended.append(streams.pop(fd))
                    ended[-1].sock.close()
            else:
                data = os.read(0, 1 << 20)
                if not data:
                    return
                commands += data
        while b'\n' in commands:
            line, commands = commands.split(b'\n', 1)
            word, _, rest = line.decode().partition(' ')
            if word == 'connect':
                for client in clients:
                    client.connect()
                for flow in flows:
                    try:
                        flow[1].send(HEAD.pack(flow[0], WARM) + padding)
                    except OSError:
                        pass
                answer({'connected': [[client.id, client.error] for client in clients]})
            elif word == 'go':
                for flow in flows:
                    flow[1].setblocking(False)
                began = time.monotonic()
                sending = True
            elif word == 'stop':
                stopped = True
                sending = False
                for client in clients:
                    client.finish()
                answer(
                    {
                        'sent': {flow[0]: flow[2] for flow in flows},
                        'refused': {flow[0]: flow[3] for flow in flows},
                        'wrote': {client.id: client.wrote for client in clients},
                    }
                )
            elif word == 'end':
                expected = json.loads(rest)
                last_news = time.monotonic()
        if sending:
            now = time.monotonic()
            due = int((now - began) * rate)
            for flow in flows:
                ident, sock, seq, _ = flow
                # The cap lets the receiving side of this process have its turn.
                until = min(due, seq + 200)
                while seq < until:
                    try:
                        sock.send(HEAD.pack(ident, seq) + padding)
                    except BlockingIOError:
                        # The device's queue is full: this one was not sent.
                        break
                    except OSError:
                        # No route, or an ICMP error for an earlier one: this one is lost, and it counts as sent.
                        flow[3] += 1
                    seq += 1
                flow[2] = seq
            if now >= next_write:
                next_write = now + WRITE_EVERY
                for client in clients:
                    client.write()
        if expected is not None:
            all_streams = {stream.id: stream for stream in [*ended, *streams.values()]}
            nothing = Received()
            complete = all(received.get(int(i), nothing).count >= n for i, n in expected['flows'].items()) and all(
                int(i) in all_streams and all_streams[int(i)].end is not None for i in expected['streams']
            )
            if complete or time.monotonic() - last_news > QUIET:
                answer(
                    {
                        'flows': {i: received.get(int(i), nothing).told(n) for i, n in expected['flows'].items()},
                        'streams': {
                            i: {
                                'received': s.got if s else 0,
                                'wrong': s.wrong if s else None,
                                'end': s.end if s else None,
                                'pause': s.pause if s else 0,
                            }
                            for i, s in ((i, all_streams.get(int(i))) for i in expected['streams'])
                        },
                        'clients': {client.id: client.told() for client in clients},
                    }
                )
                return


main()
