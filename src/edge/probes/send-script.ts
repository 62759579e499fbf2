import {nodeScript, shell} from './script.js';

/**
 * UDP and TCP by python3, which can choose the source port, set DF whatever path MTU was learnt before (IP_PMTUDISC_PROBE, linux/in.h), and
 * ask whom an ICMP error came from (IP_RECVERR, ip(7)). Prints one word, and a text.
 */
const python = `
import errno, socket, sys
proto, family, src, dst, port, sport, size, marker, tries, wait = sys.argv[1:11]
six = family == "6"
af = socket.AF_INET6 if six else socket.AF_INET
level, discover, recverr = (41, 23, 25) if six else (0, 10, 11)
payload = (marker.encode() * (int(size) // len(marker) + 1))[:int(size)]

def say(word, text=""):
    print(word, text)
    sys.exit(0)

def offender(s):
    try:
        data, extra, flags, address = s.recvmsg(1, 1024, 0x2000)
    except (OSError, AttributeError):
        return None
    for l, kind, raw in extra:
        if l == level and kind == recverr and len(raw) >= 24 and raw[4] in (2, 3):
            return socket.inet_ntop(af, raw[24:40] if six else raw[20:24])
    return None

def opened(kind):
    s = socket.socket(af, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(level, discover, 3)
    s.settimeout(float(wait))
    if src or int(sport):
        s.bind((src or ("::" if six else "0.0.0.0"), int(sport)))
    return s

def failed(s, e):
    by = offender(s) if proto == "udp" else None
    if e.errno == errno.ECONNREFUSED and (by is None or by == dst):
        say("refused", "" if by is None else "by " + by)
    say("rejected", (e.strerror or str(e)) + ("" if by is None else ", says " + by))

try:
    if proto == "tcp":
        s = opened(socket.SOCK_STREAM)
        s.settimeout(float(wait) * int(tries))
        try:
            s.connect((dst, int(port)))
            say("answered")
        except socket.timeout:
            say("lost")
        except OSError as e:
            failed(s, e)
    s = opened(socket.SOCK_DGRAM)
    s.setsockopt(level, recverr, 1)
    s.connect((dst, int(port)))
    for n in range(int(tries)):
        try:
            s.send(payload)
            s.recv(1)
            say("answered")
        except socket.timeout:
            pass
        except OSError as e:
            failed(s, e)
    say("silent")
except OSError as e:
    say("failed", str(e))
`;

/**
 * Sends packets from a pod or from the node itself, all at once, and prints for each `MARK@ ID WORD TEXT`:
 *   answered   its receiver answered
 *   refused    nobody listens on that port: that too is an answer of the receiver
 *   limited    its kernel has learnt a smaller path MTU and does not send it
 *   rejected   somebody on the way, or this kernel, says that it will not be delivered
 *   silent     UDP: no answer, which may be as it should
 *   lost       no answer where there should be one
 *   missing    there is no tool here to send it with
 *   failed     it could not be sent
 * Args: --mark M --tries N --wait SECONDS (--space "NAME PATH")… (ID POD ADDRESS PROTO FAMILY SRC DST PORT SPORT BYTES MARKER)…;
 * POD is empty for the node itself, SRC where the routes choose, BYTES those of the payload, MARKER the 32 hexadecimal digits it carries.
 */
export const sendScript = nodeScript(`
python=${shell(python)}

# The words that say why, of what a tool has printed.
why() { printf "%s\\n" "$1" | grep -v ^PING | grep -iE "from |error|unreachable|too long|not permitted|refused|cannot|invalid|frag|no route|bad|usage" | head -n 1 | cut -c 1-200; }

within() {
  limit=$1
  shift
  "$@" &
  child=$!
  (sleep "$limit"; kill "$child") >/dev/null 2>&1 &
  guard=$!
  wait "$child"
  rc=$?
  kill "$guard" 2>/dev/null
  return "$rc"
}

echo_request() {
  have ping || { word=missing text=ping; return; }
  ping=ping
  flag=
  case $(ping -V 2>&1 </dev/null) in
    *iputils*)
      flag=-$family
      df="-M probe"
      # Older ones know no probe, and the oldest no -6.
      case $(ping $flag -M probe -c 1 2>&1 </dev/null) in *nvalid*|*"bad "*) df="-M do" ;; esac
      case $(ping $flag -V 2>&1 </dev/null) in *iputils*) ;; *) flag=; if [ "$family" = 6 ] && have ping6; then ping=ping6; fi ;; esac
      flag="$flag $df -p $marker"
      ;;
    *)
      # busybox sets DF as the kernel does by itself, and can mark a packet with one byte only.
      if [ "$family" = 6 ] && have ping6; then ping=ping6; fi
      ;;
  esac
  [ -z "$src" ] || flag="$flag -I $src"
  word=lost
  text=
  gone=
  n=0
  while [ "$n" -lt "$tries" ]; do
    n=$((n + 1))
    if out=$(enter $ping -n -c 1 -W "$wait" -s "$bytes" $flag "$dst" 2>&1 </dev/null); then
      word=answered
      text=
      return
    fi
    text=$(why "$out")
    case $text in
      # 68 is the MTU of the device that the kernel gives a route taken away under a packet (blackhole_netdev): nothing was learnt, so once more.
      *"local error"*mtu=68) if [ -n "$gone" ]; then word=limited; return; fi; gone=1 n=$((n - 1)) ;;
      *"local error"*) word=limited; return ;;
      *nvalid\\ *|*sage:*|*"bad "*|*"annot assign"*|*"unknown iface"*) word=failed; return ;;
      *rom*nreachable*|*rohibited*|*"too long"*|*rag\\ needed*|*rom*"oo big"*|*"not permitted"*) word=rejected ;;
    esac
  done
}

by_bash() {
  if [ "$proto" = tcp ]; then
    out=$(within "$((wait * tries))" enter bash -c ${shell('exec 3<>"/dev/tcp/$0/$1"')} "$dst" "$port" 2>&1 </dev/null)
  else
    out=$(within "$((wait * tries + 1))" enter bash -c ${shell(
      'printf -v pad "%*s" "$(($2 - 32))" ""; exec 3<>"/dev/udp/$0/$1" && for n in 1 2; do printf "%s%s" "$3" "$pad" >&3 || exit 1; IFS= read -r -N 1 -t 1 -u 3 x && exit 7; done; exit 8',
    )} "$dst" "$port" "$bytes" "$marker" 2>&1 </dev/null)
  fi
  rc=$?
  text=$(why "$out")
  case $rc:$out in
    *efused*) word=refused text= ;;
    0:* | 7:*) word=answered ;;
    8:*) word=silent ;;
    *nreachable* | *"o route"* | *"oo long"* | *"not permitted"*) word=rejected ;;
    *) if [ "$proto" = tcp ]; then word=lost; else word=failed; fi ;;
  esac
}

by_nc() {
  out=$(within "$((wait * tries))" enter nc -w "$wait" "$dst" "$port" 2>&1 </dev/null)
  rc=$?
  text=$(why "$out")
  case $rc:$out in
    0:*) word=answered ;;
    *efused*) word=refused text= ;;
    *nreachable* | *"o route"*) word=rejected ;;
    *) word=lost ;;
  esac
}

segment() {
  if python3 -c "" >/dev/null 2>&1 </dev/null; then
    out=$(within "$((wait * tries + 2))" enter python3 -c "$python" "$proto" "$family" "$src" "$dst" "$port" "$sport" "$bytes" "$marker" "$tries" "$wait" 2>&1 </dev/null)
    word=\${out%% *}
    text=\${out#* }
    case $word in answered | refused | rejected | silent | lost | failed) ;; *) word=failed text=$(printf "%s\\n" "$out" | tail -n 1 | cut -c 1-200) ;; esac
  elif have bash; then
    by_bash
  elif [ "$proto" = tcp ] && have nc; then
    by_nc
  else
    word=missing
    text="python3 or bash"
    [ "$proto" = udp ] || text="python3, bash or nc"
  fi
}

probe() {
  id=$1 pod=$2 address=$3 proto=$4 family=$5 src=$6 dst=$7 port=$8 sport=$9
  shift 9
  bytes=$1 marker=$2
  space=
  if [ -n "$pod" ] && ! find_space "$pod" "$address"; then
    word=failed
    text="no namespace of the pod $pod was found on this node"
  elif [ "$proto" = icmp ]; then
    echo_request
  else
    segment
  fi
  printf "%s@ %s %s %s\\n" "$mark" "$id" "$word" "$text"
}

main() {
  tries=3
  wait=1
  while [ $# -gt 0 ]; do
    case $1 in
      --mark) mark=$2; shift 2 ;;
      --tries) tries=$2; shift 2 ;;
      --wait) wait=$2; shift 2 ;;
      --space) spaces=$spaces$2$nl; shift 2 ;;
      *) break ;;
    esac
  done
  while [ $# -ge 11 ]; do
    (probe "$@") &
    shift 11
  done
  wait
}
`);
