# mesh.sh pod|node INDEX,FAMILY,SOURCE,TARGET,BYTES...: pings each target from the source, with 56 bytes and with BYTES and DF
#
# Prints `INDEX small|large y`, `… n WHY` (no answer) or `… ? WHY` (it could not be tried).

# try NAME ARGUMENTS: once, and once more with patience, for the first packet may wait for neighbour resolution
try() {
  name=$1
  shift
  if said=$($within ping -n -c 1 -W 1 "$@" 2>&1) || said=$($within ping -n -c 2 -i 0.5 -W 2 "$@" 2>&1); then
    echo "$name y"
    return
  fi
  case $said in
    *"nvalid option"* | *"nrecognized option"* | *"not found"*) echo "$name ? $(echo "$said" | head -n 1 | cut -c 1-100)" ;;
    *) echo "$name n $(echo "$said" | grep -i -m 1 -e unreachable -e "too l" -e "frag needed" -e prohibited -e denied -e "cannot assign" | cut -c 1-100)" ;;
  esac
}

main() {
  place=$1
  shift
  command -v ping >/dev/null || {
    echo "ping: not found" >&2
    exit 127
  }
  IFS=, read -r _ _ source _ <<END
$1
END
  within=
  if [ "$place" = pod ]; then
    net_of "$source" || {
      echo "the pod with $source is gone" >&2
      exit 1
    }
    within="nsenter --net=$net"
  fi
  count=0
  for word; do
    IFS=, read -r index family source target bytes <<END
$word
END
    # From the bridge's address the node's own packets go as those of a pod do.
    if [ "$place" = pod ]; then set --; else set -- -I "$source"; fi
    try "$index small" "-$family" -s 56 "$@" "$target" &
    try "$index large" "-$family" -M "do" -s "$bytes" "$@" "$target" &
    count=$((count + 2))
    # 32 at a time.
    [ $((count % 32)) -ne 0 ] || wait
  done
  wait
}

main "$@" </dev/null
