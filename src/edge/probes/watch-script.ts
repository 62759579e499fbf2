import {nodeScript} from './script.js';

/** Bytes of each packet, and packets of each device, that are kept: enough for the inner headers of any tunnel and the mark behind them. */
export const SNAP = 256;
const COUNT = 2000;

/**
 * One tcpdump a device, all at once, until they are told to end or the seconds are over. What each has caught is printed when it ends,
 * in hexadecimal: `MARK@ ID`, its messages, and the pcap file as the last line.
 * Args: --mark M --token T --seconds N (--space "NAME PATH")… (ID POD ADDRESS DEV FILTER)…; POD is empty for the node's own devices
 */
export const watchScript = nodeScript(`
one() {
  id=$1
  space=
  if [ -n "$2" ] && ! find_space "$2" "$3"; then
    own="no namespace of the pod was found$nl"
  else
    now=
    case $(tcpdump --help 2>&1) in *--immediate-mode*) now=--immediate-mode ;; esac
    own=$({ hex=$({ enter env -i FLANCTL_CAPTURE=$token PATH="$PATH" LC_ALL=C tcpdump -i "$4" -p -n -U $now -s ${SNAP} -c ${COUNT} -w - "$5" </dev/null |
      od -An -v -tx1 | tr -d " \\n"; } 2>&7); printf "%s" "$hex"; } 7>&1)
  fi
  # What those before have caught; then what this one has.
  cat
  printf "%s@ %s\\n%s\\n" "$mark" "$id" "$own"
}

# all POINT...: a pipe of them, for each to print in its turn
all() {
  [ $# -gt 0 ] || return 0
  if [ $# -gt 5 ]; then
    (id=$1 pod=$2 address=$3 dev=$4 filter=$5; shift 5; all "$@" | one "$id" "$pod" "$address" "$dev" "$filter")
  else
    one "$@" </dev/null
  fi
}

main() {
  points=0
  while [ $# -gt 0 ]; do
    case $1 in
      --mark) mark=$2; shift 2 ;;
      --token) token=$2; shift 2 ;;
      --seconds) seconds=$2; shift 2 ;;
      --space) spaces=$spaces$2$nl; shift 2 ;;
      *) break ;;
    esac
  done
  if ! have tcpdump; then
    printf "%s- tcpdump is not installed\\n" "$mark"
    return
  fi
  # Where the operator is lost nobody tells them to end.
  (env -i FLANCTL_CAPTURE=$token PATH="$PATH" sleep "$seconds"; for pid in $(ours); do kill "$pid"; done) >/dev/null 2>&1 </dev/null &
  all "$@"
  for pid in $(ours); do kill "$pid"; done 2>/dev/null
  printf "%s. end\\n" "$mark"
}
`);

/**
 * Waits until so many of a run's tcpdumps listen. A bound socket is not enough: libpcap then sets the filter and throws away what came
 * before that. What follows is the file's header, so one that has written something (/proc/PID/io) listens.
 * Args: --token T COUNT
 */
export const readyScript = nodeScript(`
main() {
  token=$2
  tries=0
  while [ "$tries" -lt 240 ]; do
    listening=0
    running=0
    for pid in $(ours); do
      case $(tr "\\0" " " <"/proc/$pid/cmdline" 2>/dev/null) in tcpdump\\ *) ;; *) continue ;; esac
      running=$((running + 1))
      if [ -r "/proc/$pid/io" ]; then
        while read -r name value; do
          if [ "$name" = wchar: ] && [ "$value" -ge 24 ]; then listening=$((listening + 1)); fi
        done <"/proc/$pid/io"
      elif [ "$tries" -gt 20 ]; then
        listening=$((listening + 1))
      fi
    done 2>/dev/null
    [ "$listening" -lt "$3" ] || break
    # Those that ended at once (no such device) are not waited for; those that are slow to start are.
    if [ "$tries" -gt 60 ] && [ "$running" -gt 0 ] && [ "$listening" -eq "$running" ]; then break; fi
    tries=$((tries + 1))
    sleep 0.05 2>/dev/null || sleep 1
  done
  echo "listening $listening late $((running - listening))"
}
`);

/**
 * Ends a run's tcpdumps, once each has taken what the kernel keeps for it: it then sleeps.
 * Args: --token T
 */
export const stopScript = nodeScript(`
main() {
  token=$2
  case $(tcpdump --help 2>&1) in *--immediate-mode*) ;; *) sleep 1 ;; esac
  tries=0
  pids=$(ours)
  while [ "$tries" -lt 40 ]; do
    busy=
    for pid in $pids; do
      read -r _ _ state _ <"/proc/$pid/stat" || continue
      [ "$state" = S ] || busy=y
    done 2>/dev/null
    [ -n "$busy" ] || break
    tries=$((tries + 1))
    sleep 0.05 2>/dev/null || sleep 1
  done
  for pid in $pids; do kill "$pid"; done 2>/dev/null
  echo ended
}
`);
