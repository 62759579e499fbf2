/**
 * What flanneld's own proxy does, in Python, since Node has no ioctl: each packet that comes out of the TUN device goes to the public address
 * of the node that has its destination's subnet, as it is, in UDP; each that comes by UDP goes into the device. Both ways take one from the TTL,
 * and a packet whose TTL ends is dropped without a word; for a destination that nobody has, the sender is told "net unreachable", except for
 * ICMP (flannel pkg/backend/udp/proxy_amd64.c; model/flannel-backends.md §4.1, §12).
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
def read_peers(*_):
    found = []
    with open(peers_file) as lines:
        for line in lines:
            subnet, address = line.split()
            base, length = subnet.split('/')
            mask = (0xffffffff << (32 - int(length))) & 0xffffffff
            found.append((number(base) & mask, mask, address))
    peers[:] = found
read_peers()
signal.signal(signal.SIGHUP, read_peers)

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 0x0001, 0x1000
tun = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', device.encode(), IFF_TUN | IFF_NO_PI))
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.bind((own, port))
wire.setblocking(False)

def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff

# The packet with one hop less, or None when that was its last.
def aged(packet):
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[8] <= 1:
        return None
    head = bytearray(packet)
    head[8] -= 1
    length = (head[0] & 15) * 4
    head[10:12] = b'\\0\\0'
    head[10:12] = struct.pack('!H', checksum(bytes(head[:length])))
    return bytes(head)

def device_address():
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        return fcntl.ioctl(probe, 0x8915, struct.pack('256s', device.encode()))[20:24]
    except OSError:
        return socket.inet_aton(own)
    finally:
        probe.close()

def unreachable(packet):
    if packet[9] == 1:
        return
    quoted = packet[:(packet[0] & 15) * 4 + 8]
    quoted += b'\\0' * (len(quoted) % 2)
    body = struct.pack('!BBHI', 3, 0, 0, 0) + quoted
    body = body[:2] + struct.pack('!H', checksum(body)) + body[4:]
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(body), 0, 0, 64, 1, 0, device_address(), packet[12:16])
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    write(head + body)

def write(packet):
    try:
        os.write(tun, packet)
    except OSError:
        # The device is down; flanneld loses such packets too.
        pass

def out(packet):
    packet = aged(packet)
    if packet is None:
        return
    to = struct.unpack('!I', packet[16:20])[0]
    for base, mask, address in peers:
        if to & mask == base:
            try:
                wire.sendto(packet, (address, port))
            except OSError:
                # No route, or too large for it.
                pass
            return
    unreachable(packet)

poll = select.poll()
poll.register(tun, select.POLLIN)
poll.register(wire, select.POLLIN)
with open(ready + '.new', 'w') as note:
    note.write('%d\\n' % os.getpid())
os.rename(ready + '.new', ready)
while True:
    for fd, event in poll.poll():
        if fd == tun and event & ~select.POLLIN:
            sys.exit('the device is gone')
        try:
            packet = os.read(tun, 65536) if fd == tun else wire.recv(65536)
        except OSError:
            continue
        if fd == tun:
            out(packet)
        else:
            packet = aged(packet)
            if packet is not None:
                write(packet)
`;
