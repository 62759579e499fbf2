import {shell} from '../../../core/kernel/commands.js';

/**
 * What is the same in the lab's small programs in Python that move packets between a TUN device and a socket, since Node has no ioctl. They
 * have `device`, the device's name, and `ready`, a file.
 */

/** Makes the device, which goes with whoever holds it open: `tun`. */
export const openDevice = `TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 0x0001, 0x1000
tun = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', device.encode(), IFF_TUN | IFF_NO_PI))
`;

/**
 * A receive buffer of `wire` beyond the kernel's 208 KiB, which holds what comes while Python waits for the processor. It takes its turn like
 * every other process of the machine; who measures there, a thousand packets a second for each pair of nodes and none lost, names a nice value
 * in FLANCTL_LAB_RELAY_NICE, and then it goes before them.
 */
export const unhurried = `SO_RCVBUFFORCE = 33
try:
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    nice = os.environ.get('FLANCTL_LAB_RELAY_NICE')
    if nice:
        os.setpriority(os.PRIO_PROCESS, 0, int(nice))
        # A session is a group of its own to the scheduler, and a priority counts within it only.
        with open('/proc/self/autogroup', 'w') as group:
            group.write(nice)
except (OSError, ValueError):
    # Not allowed here: it works, and loses packets sooner on a busy machine.
    pass
`;

/** Writes its pid to the file and serves both sides: `from_tun` and `from_wire` take a packet each and say whether there was one. */
export const serve = `poll = select.poll()
poll.register(tun, select.POLLIN)
poll.register(wire, select.POLLIN)
with open(ready + '.new', 'w') as note:
    note.write('%d\\n' % os.getpid())
os.rename(ready + '.new', ready)
while True:
    for fd, event in poll.poll():
        if fd == tun and event & ~select.POLLIN:
            sys.exit('the device is gone')
    busy = True
    while busy:
        busy = from_tun()
        busy = from_wire() or busy
`;

/** A line of shell that starts such a program and waits until it is ready; `words` are its file and its arguments, that of `ready` among them. */
export const startRelay = (words: readonly string[], {ready, log}: {readonly ready: string; readonly log: string}): string =>
  `rm -f ${shell([ready])} && { setsid ${shell(['python3', ...words])} </dev/null >${shell([log])} 2>&1 & } && ` +
  `i=0 && until [ -s ${shell([ready])} ]; do i=$((i + 1)); [ $i -lt 200 ] || { cat ${shell([log])} >&2; exit 1; }; sleep 0.05; done`;

/** What this machine must have for them. */
export const relayNeeds = {
  programs: {python3: 'python3', setsid: 'util-linux'},
  device: {what: 'TUN devices', probe: 'ip tuntap add dev tun0 mode tun', modules: ['tun']},
};
