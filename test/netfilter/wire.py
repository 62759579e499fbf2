"""Puts frames on a wire and reports what comes out: what Node cannot, for it has no raw sockets.

usage: wire.py CLIENT ROUTER SERVER (names of network namespaces)

Each line read is JSON: {"afresh": bool, "send": [[place, mark, hex], ...], "quiet": seconds}. Afresh: connections of before are forgotten first. At `a` (client) and `b` (server) the bytes are an Ethernet frame
for eth0, at `f` (router) an IP packet sent from a raw socket with that SO_MARK. The answer is a JSON list of [place, hex]: frames that came in
on eth0 there, or IP packets that a socket of the router got; given when nothing more came for `quiet` seconds.
"""
import ctypes
import json
import os
import select
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
SO_MARK = 36


def inside(name, make):
    home = os.open('/proc/self/ns/net', os.O_RDONLY)
    there = os.open('/run/netns/' + name, os.O_RDONLY)
    try:
        if libc.setns(there, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), 'setns ' + name)
        return make()
    finally:
        libc.setns(home, 0x40000000)
        os.close(home)
        os.close(there)


def roomy(sock):
    sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
    sock.setblocking(False)
    return sock


def link():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind(('eth0', 3))
    return roomy(sock)


def router():
    receive = []
    for protocol in (1, 6, 17):
        receive.append((4, protocol, roomy(socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol))))
    for protocol in (58, 6, 17):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, protocol)
        sock.setsockopt(socket.IPPROTO_IPV6, 49, 1)  # IPV6_RECVPKTINFO
        receive.append((6, protocol, roomy(sock)))
    send = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, 255), 6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, 255)}
    return receive, send


a, f, b = sys.argv[1:4]
links = {'a': inside(a, link), 'b': inside(b, link)}
received, senders = inside(f, router)
poll = select.poll()
sources = {sock.fileno(): ('link', place, sock) for place, sock in links.items()}
sources.update({sock.fileno(): ('raw', (family, protocol), sock) for family, protocol, sock in received})
for number in sources:
    poll.register(number, select.POLLIN)


def take(kind, what, sock):
    """One packet as [place, hex], or None for one that says nothing."""
    if kind == 'link':
        data, address = sock.recvfrom(65535)
        return None if address[2] == 4 else [what, data.hex()]  # PACKET_OUTGOING
    family, protocol = what
    if family == 4:
        return ['f', sock.recv(65535).hex()]
    data, extra, _, source = sock.recvmsg(65535, 256)
    target = next(value[:16] for level, name, value in extra if name == 50)  # IPV6_PKTINFO
    header = struct.pack('!IHBB', 6 << 28, len(data), protocol, 64)
    return ['f', (header + socket.inet_pton(socket.AF_INET6, source[0].split('%')[0]) + target + data).hex()]


def collect(wait, seen):
    while True:
        ready = poll.poll(wait * 1000)
        if not ready:
            return
        for number, _ in ready:
            try:
                packet = take(*sources[number])
            except BlockingIOError:
                continue
            if packet:
                seen.append(packet)


def conntrack():
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER


def forget():
    """Connection tracking of the router forgets all: IPCTNL_MSG_CT_DELETE without a tuple."""
    tracking.send(struct.pack('=IHHIIBBH', 20, 1 << 8 | 2, 1 | 4, 1, 0, 0, 0, 0))
    error = struct.unpack_from('=i', tracking.recv(4096), 16)[0]
    if error != 0:
        raise OSError(-error, 'conntrack flush')


tracking = inside(f, conntrack)
collect(0.05, [])
for line in sys.stdin:
    request = json.loads(line)
    seen = []
    if request['afresh']:
        forget()
    for place, mark, text in request['send']:
        data = bytes.fromhex(text)
        if place == 'f':
            family = data[0] >> 4
            target = socket.inet_ntop(socket.AF_INET, data[16:20]) if family == 4 else socket.inet_ntop(socket.AF_INET6, data[24:40])
            senders[family].setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
            try:
                senders[family].sendto(data, (target, 0))
            except OSError:
                pass  # a rule dropped it: EPERM
        else:
            links[place].send(data)
    collect(request['quiet'], seen)
    print(json.dumps(seen), flush=True)
