import {openDevice, serve, unhurried} from './parts.js';

/**
 * What a physical host of a cloud does (the seed's article on the TKE network): each packet that comes out of the TUN device goes to the other
 * host in GRE with the VPC's number as its key (RFC 2784, 2890), each that comes so goes into the device. No packet ages here: the kernel
 * takes one before the device and one after it, as both hosts route.
 * Arguments: device, own address, the other host's, key, file to make when it is ready, with its pid.
 */
export const greRelay = `import fcntl, os, select, socket, struct, sys

device, own, other, key, ready = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
GRE, KEY_PRESENT, IPV4 = 47, 0x2000, 0x0800
head = struct.pack('!HHI', KEY_PRESENT, IPV4, key)

${openDevice}# It gets whole IP packets and gives what follows the IP header.
wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, GRE)
wire.bind((own, 0))
wire.connect((other, 0))
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
wire.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
wire.setblocking(False)
${unhurried}
out = bytearray(head) + bytearray(65536)
room = memoryview(out)[len(head):]
buffer = bytearray(65536)
whole = memoryview(buffer)

def from_tun():
    try:
        size = os.readv(tun, [room])
    except OSError:
        return False
    if size >= 20 and room[0] >> 4 == 4:
        try:
            wire.send(memoryview(out)[:len(head) + size])
        except OSError:
            # Too large, or the wire is down: hosts lose such packets too.
            pass
    return True

def from_wire():
    try:
        size = wire.recv_into(buffer)
    except OSError:
        return False
    start = (buffer[0] & 15) * 4
    inner = start + len(head)
    if size > inner and whole[start:inner] == head:
        try:
            os.write(tun, whole[inner:size])
        except OSError:
            # The device is down.
            pass
    return True

${serve}`;
