import {openDevice, serve, unhurried} from '../relay/parts.js';

/**
 * What flanneld's own proxy does, in Python, since Node has no ioctl: each packet that comes out of the TUN device goes to the public address
 * of the node that has its destination's subnet, as it is, in UDP; each that comes by UDP goes into the device. Both ways take one from the TTL,
 * and a packet whose TTL ends is dropped without a word; for a destination that nobody has, the sender is told "net unreachable", except for
 * ICMP and later fragments (flannel pkg/backend/udp/proxy_amd64.c; model/flannel-backends.md §4.1, §12). As there, both sides are emptied before
 * it waits again, and the checksum is patched, not summed anew. What flannel leaves to compiled code on a machine of its own is made up for:
 * packets must not end in a full buffer because Python did not get the processor in time (`unhurried`).
 * Arguments: device, own address, port, file of peers (`SUBNET ADDRESS` a line), file to make when it is ready, with its pid. SIGHUP reads the peers again.
 */
export const relay = `import fcntl, os, select, signal, socket, struct, sys

device, own, port, peers_file, ready = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
# The name under which it is listed as the owner of its socket.
with open('/proc/self/comm', 'w') as comm:
    comm.write('flanneld')

def number(address):
    return struct.unpack('!I', socket.inet_aton(address))[0]

peers = []
# Where each destination seen so far goes.
known = {}
def read_peers(*_):
    found = []
    with open(peers_file) as lines:
        for line in lines:
            subnet, address = line.split()
            base, length = subnet.split('/')
            mask = (0xffffffff << (32 - int(length))) & 0xffffffff
            found.append((number(base) & mask, mask, (address, port)))
    peers[:] = found
    known.clear()
read_peers()
signal.signal(signal.SIGHUP, read_peers)

def peer_of(destination):
    to = struct.unpack('!I', destination)[0]
    return next((address for base, mask, address in peers if to & mask == base), None)

${openDevice}wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.bind((own, port))
wire.setblocking(False)
${unhurried}
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff

buffer = bytearray(65536)
whole = memoryview(buffer)

# Takes one hop from the packet in the buffer; False when that was its last (the sum as in RFC 1624).
def aged():
    if buffer[8] <= 1:
        return False
    buffer[8] -= 1
    high = buffer[10] + 1
    if high < 0xff or (high == 0xff and buffer[11] < 0xff):
        buffer[10] = high
    else:
        total = (high << 8) + buffer[11] + 1
        buffer[10:12] = (total & 0xffff).to_bytes(2, 'big')
    return True

def device_address():
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        return fcntl.ioctl(probe, 0x8915, struct.pack('256s', device.encode()))[20:24]
    except OSError:
        return socket.inet_aton(own)
    finally:
        probe.close()

def unreachable(packet):
    if packet[9] == 1 or struct.unpack('!H', packet[6:8])[0] & 0x1fff:
        return
    quoted = packet[:(packet[0] & 15) * 4 + 8]
    quoted += b'\\0' * (len(quoted) % 2)
    body = struct.pack('!BBHI', 3, 0, 0, 0) + quoted
    body = body[:2] + struct.pack('!H', checksum(body)) + body[4:]
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(body), 0, 0, 8, 1, 0, device_address(), packet[12:16])
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    write(head + body)

def write(packet):
    try:
        os.write(tun, packet)
    except OSError:
        # The device is down; flanneld loses such packets too.
        pass

# One packet out of the device: was there one?
def from_tun():
    try:
        size = os.readv(tun, into)
    except OSError:
        return False
    if size < 20 or buffer[0] >> 4 != 4:
        return True
    destination = bytes(whole[16:20])
    try:
        address = known[destination]
    except KeyError:
        if len(known) > 65536:
            known.clear()
        address = known[destination] = peer_of(destination)
    if address is None:
        unreachable(bytes(whole[:size]))
    elif aged():
        try:
            wire.sendto(whole[:size], address)
        except OSError:
            # No route, or too large for it.
            pass
    return True

# One packet from another node: was there one?
def from_wire():
    try:
        size = wire.recv_into(buffer)
    except OSError:
        return False
    if size >= 20 and buffer[0] >> 4 == 4 and aged():
        write(whole[:size])
    return True

into = [buffer]
${serve}`;
