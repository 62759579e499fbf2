# probe.sh counters | direct … | udp … | ipip … | hear … | resolve … | connections: what preflight asks a node; nothing of it changes a table
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export PATH

# value FILE HEAD NAME: one counter of /proc/net/snmp, where a line of names stands above a line of numbers
value() {
  names=
  while read -r head rest; do
    [ "$head" = "$2:" ] || continue
    if [ -z "$names" ]; then
      names=$rest
      continue
    fi
    for name in $names; do
      [ "$name" = "$3" ] && echo "${rest%% *}"
      rest=${rest#* }
    done
    return 0
  done <"$1"
}

# counters: what came in for nobody in particular
counters() {
  echo "echo $(value /proc/net/snmp Icmp InEchos)"
  echo "udp4 $(value /proc/net/snmp Udp NoPorts)"
  while read -r name number; do
    [ "$name" = Udp6NoPorts ] && echo "udp6 $number"
  done 2>/dev/null </proc/net/snmp6
  return 0
}

# direct COUNT DEV SOURCE TARGET: echo requests from an address of the pods' bridge to that of another node's, past the routes and straight on the link
direct() {
  said=$(ping -r -n -q -c "$1" -i 0.02 -w 1 -I "$3" -I "$2" "$4" 2>&1)
  case $? in 0 | 1) ;; *)
    echo "? $(echo "$said" | head -n 1 | cut -c 1-120)"
    return
    ;;
  esac
  case $(ip neigh show "$4" dev "$2" 2>/dev/null) in
    *lladdr*) echo sent ;;
    *) echo "? nobody on the link answers for $4" ;;
  esac
}

# control COUNT TARGET: ordinary echo requests, to see whether the other end counts them at all
control() {
  ping -n -q -c "$1" -i 0.02 -w 1 "$2" >/dev/null 2>&1
  case $? in 0 | 1) echo sent ;; *) echo "? ping does not run" ;; esac
}

# udp COUNT TARGET PORT: datagrams to a port where nobody listens yet
udp() {
  if command -v bash >/dev/null; then
    bash -c 'for i in $(seq "$1"); do echo flanctl >"/dev/udp/$2/$3"; done' bash "$1" "$2" "$3" 2>/dev/null
    echo sent
  elif command -v python3 >/dev/null; then
    python3 -c 'import socket, sys
for i in range(int(sys.argv[1])):
    s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"flanctl", (sys.argv[2], int(sys.argv[3])))' "$1" "$2" "$3" 2>/dev/null
    echo sent
  else
    echo "? neither bash nor python3 is there to send UDP with"
  fi
}

# ipip OWN TARGET...: twenty packets of IP protocol 4 to each; in them an empty one, which names who sends
ipip() {
  python3 -c 'import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
inner = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20, 0, 0, 64, 59, 0, socket.inet_aton(sys.argv[1]), bytes(4))
for target in sys.argv[2:] * 20:
    s.sendto(inner, (target, 0))' "$@" 2>&1 | tail -n 1 | cut -c 1-100
}

# hear SECONDS: how many of those came, from each; a raw socket gets them whatever tunnels there are
hear() {
  python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
end = time.monotonic() + float(sys.argv[1])
found = {}
while end > time.monotonic():
    s.settimeout(max(0.01, end - time.monotonic()))
    try:
        packet = s.recv(65536)
    except socket.timeout:
        break
    inner = packet[(packet[0] & 15) * 4:]
    if len(inner) == 20 and inner[9] == 59:
        who = socket.inet_ntoa(inner[12:16])
        found[who] = found.get(who, 0) + 1
for who in found:
    print("from", who, found[who])
print("end")' "$1" 2>&1 | cut -c 1-100
}

# resolve DEV TARGET...: the hardware address that answers for each on the link
resolve() {
  dev=$1
  shift
  for target; do
    ping -n -q -c 1 -W 2 "$target" >/dev/null 2>&1 &
  done
  wait
  for target; do
    set -- $(ip neigh show "$target" dev "$dev" 2>/dev/null)
    mac=none
    while [ $# -gt 1 ]; do
      [ "$1" = lladdr ] && mac=$2
      shift
    done
    echo "$target $mac"
  done
}

# connections: TCP connections of the node itself, and what connection tracking knows, each where there is a tool that tells
connections() {
  if command -v ss >/dev/null; then
    echo "tcp yes"
    ss -tnpH state established </dev/null 2>/dev/null | while read -r _ _ here there owner; do
      name=- pid=-
      case $owner in
        *'(("'*'",pid='*)
          name=${owner#*'(("'}
          pid=${name#*'",pid='}
          name=${name%%'",pid='*}
          pid=${pid%%[!0-9]*}
          ;;
      esac
      echo "conn $here $there $pid $name"
    done
  fi
  if command -v conntrack >/dev/null && conntrack -C >/dev/null 2>&1 </dev/null; then
    echo "tracked yes"
    conntrack -L 2>/dev/null </dev/null
    conntrack -L -f ipv6 2>/dev/null </dev/null
  elif [ -r /proc/net/nf_conntrack ]; then
    echo "tracked yes"
    cat /proc/net/nf_conntrack
  fi | while read -r line; do
    case $line in
      "tracked yes") echo "$line" ;;
      *TIME_WAIT* | *CLOSE* | *LAST_ACK* | *FIN_WAIT*) ;;
      *src=*dst=*sport=*dport=*src=*dst=*sport=*dport=*)
        flow=
        address=
        for word in $line; do
          case $word in
            src=*) address=${word#*=} ;;
            dst=*) other=${word#*=} ;;
            sport=*) flow="$flow $address ${word#*=}" ;;
            dport=*) flow="$flow $other ${word#*=}" ;;
          esac
        done
        echo "flow$flow"
        ;;
    esac
  done
  return 0
}

"$@" </dev/null
