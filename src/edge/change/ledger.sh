# ledger.sh start DIR TTL INTERVAL INDEX,FAMILY,SOURCE,TARGET,pod|node...   leaves a ping and an awk for each flow in the background
# ledger.sh extend DIR TTL                                                  gives them longer
# ledger.sh stop DIR                                                        ends them, prints what they saw, leaves nothing
#
# A keeper ends all and takes the folder away when nobody extends the time: TTL whole seconds, INTERVAL seconds between two packets.
# Printed for each flow: `INDEX seen SENT RECEIVED REORDERED DUPLICATED LOST GAPS`, GAPS as NUMBER:FROM:SECONDS with commas between, the
# largest first, at most ten, FROM in seconds since 1970; or `INDEX not WHY`: not measured, which is not the same as nothing lost.
# For `all not WHY` nothing was started.

# Numbers wrap at 65536, so each is taken as the one nearest to what is due. When ping is ended its last packets are under way: those of
# the last 0.2 seconds that have no answer count as not sent.
follow='
  function whole(seq) {
    while (due - seq > 32768) seq += 65536
    return seq
  }
  function gap(from, to, began, ended,    at) {
    gaps++
    start[gaps] = began
    long[gaps] = ended - began
    for (at = from; at <= to; at++) missing[at] = gaps
  }
  function stopped(    line) {
    if ((getline line < stopfile) > 0) return line + 0
    return last + (sent - due + 1) * interval
  }
  BEGIN { due = 1 }
  /bytes from .*icmp_seq=/ {
    now = $1
    gsub(/[][]/, "", now)
    now += 0
    seq = $0
    sub(/.*icmp_seq=/, "", seq)
    sub(/ .*/, "", seq)
    seq = whole(seq + 0)
    if (seq == due) { got++; due++ }
    else if (seq > due) { gap(due, seq - 1, last ? last : now, now); got++; due = seq + 1 }
    else if (seq in missing) { delete missing[seq]; late++; got++ }
    else twice++
    last = now
    next
  }
  /packets transmitted/ { sent = $1 + 0; ended = 1; next }
  { why = why == "" ? $0 : why }
  END {
    if (!ended && !got) {
      print flow, "not", (why == "" ? "ping ended by itself" : why)
      exit
    }
    if (sent < due - 1) sent = due - 1
    if ((sent - due + 1) * interval <= 0.2) sent = due - 1
    else gap(due, sent, last ? last : stopped(), stopped())
    for (at in missing) { lost++; count[missing[at]]++ }
    text = ""
    for (shown = 0; shown < 10; shown++) {
      best = 0
      for (g in count) if (!best || count[g] > count[best] || (count[g] == count[best] && g + 0 < best + 0)) best = g
      if (!best) break
      text = text (shown ? "," : "") sprintf("%d:%.3f:%.3f", count[best], start[best], long[best])
      delete count[best]
    }
    printf "%s seen %d %d %d %d %d %s\n", flow, sent, got, late, twice, lost, text
  }
'

uptime_now() {
  read -r up _ </proc/uptime
  up=${up%.*}
}

interrupt() {
  count=0
  for file in "$1"/*.pid; do
    [ -e "$file" ] || continue
    count=$((count + 1))
    read -r pid <"$file" && kill -INT "$pid" 2>/dev/null
  done
}

keep() {
  while sleep 1; do
    read -r until 2>/dev/null <"$1/until" || exit 0
    uptime_now
    [ "$up" -lt "$until" ] || break
  done
  interrupt "$1"
  sleep 1
  rm -rf "$1"
}

# follow_one INDEX FAMILY SOURCE TARGET PLACE
follow_one() {
  index=$1 family=$2 source=$3 target=$4 place=$5
  net=
  set --
  if [ "$place" = node ]; then
    set -- -I "$source"
  else
    case $known in
      *" $source="*)
        net=${known#*" $source="}
        net=${net%% *}
        ;;
      *)
        net_of "$source" || {
          echo "$index not the pod with $source is gone"
          return
        }
        known="$known$source=$net "
        ;;
    esac
  fi
  # sh, nsenter and ping are one process, each becoming the next, so the number that is written down stays the one to end.
  (
    sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$dir/$index.pid" ${net:+nsenter "--net=$net"} \
      ping -D -n -i "$interval" "-$family" "$@" "$target" 2>&1 |
      awk -v flow="$index" -v interval="$interval" -v stopfile="$dir/stopped" "$follow" >"$dir/$index.part"
    mv "$dir/$index.part" "$dir/$index.out"
  ) </dev/null >/dev/null 2>&1 &
}

start() {
  case $(ping -V 2>&1) in
    *iputils*) ;;
    *)
      echo "all not ping is not there, or not that of iputils: it cannot number its packets and tell the time"
      return
      ;;
  esac
  for tool in awk nsenter; do
    command -v "$tool" >/dev/null || {
      echo "all not $tool: not found"
      return
    }
  done
  mkdir "$dir" || return
  uptime_now
  echo $((up + $1)) >"$dir/until"
  interval=$2
  shift 2
  (keep "$dir") </dev/null >/dev/null 2>&1 &
  echo $! >"$dir/keeper"
  known=" "
  for flow; do
    IFS=, read -r index family source target place <<END
$flow
END
    follow_one "$index" "$family" "$source" "$target" "$place"
  done
  # One that cannot begin says so at once.
  sleep 0.3
  for file in "$dir"/*.out; do
    if [ -e "$file" ]; then cat "$file"; fi
  done
  echo started
}

extend() {
  [ -d "$dir" ] || return 0
  uptime_now
  echo $((up + $1)) >"$dir/until.new" && mv "$dir/until.new" "$dir/until" && echo extended
}

stop() {
  [ -d "$dir" ] || return 0
  date +%s.%N >"$dir/stopped"
  interrupt "$dir"
  tries=0
  until [ "$(ls "$dir" | grep -c "\.out$")" -ge "$count" ] || [ "$tries" -ge 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  for file in "$dir"/*.out; do
    if [ -e "$file" ]; then cat "$file"; fi
  done
  read -r keeper <"$dir/keeper"
  rm -rf "$dir"
  # It sees within a second that its folder is gone.
  tries=0
  while [ -d "/proc/$keeper" ] && [ "$tries" -lt 30 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  echo stopped
}

main() {
  what=$1 dir=$2
  shift 2
  umask 077
  # Whoever asked may go; these stay until they are stopped or nobody extends their time.
  trap "" HUP
  "$what" "$@"
}

main "$@" </dev/null
