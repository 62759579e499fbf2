/** Quotes a word for sh. */
export const shell = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * A script for `sh -s` on a node, from a program that defines `main`. As root: through sudo where the login is not root, as gather does.
 * It writes no file. What it prints stands between lines that begin with a mark of this run, so that no text of the node can look like one.
 */
export const nodeScript = (program: string): string => `program=${shell(`${prelude}\n${program}`)}
if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null 2>&1 && sudo -n sh -c : >/dev/null 2>&1 </dev/null; then
  printf '%s\\n' "$program" | sudo -n sh -c 'program=$(cat); eval "$program"; main "$@"' sh "$@"
else
  eval "$program"
  main "$@"
fi
exit
`;

/**
 * `spaces` holds lines "NAME PATH" of the pods' network namespaces, as gather found them. `find_space NAME ADDRESS` sets `space` to the
 * path of the one that has the address, the name first: what a container runtime calls a namespace is not the pod's name.
 */
const prelude = `LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export PATH
nl="
"
spaces=
token=
mark=
seconds=30

have() { command -v "$1" >/dev/null 2>&1; }

enter() {
  if [ -z "$space" ]; then
    "$@"
  elif have nsenter; then
    nsenter "--net=$space" "$@"
  else
    ip netns exec "\${space##*/}" "$@"
  fi
}

find_space() {
  found=
  named=
  for pass in name any; do
    while read -r name path; do
      [ -n "$path" ] || continue
      if [ "$pass" = name ]; then [ "$name" = "$1" ] || continue; named=$path; fi
      space=$path
      case $(enter ip addr show 2>/dev/null </dev/null) in
        *"inet $2/"* | *"inet6 $2/"*) found=$path; break 2 ;;
      esac
    done <<END
$spaces
END
  done
  space=\${found:-$named}
  [ -n "$space" ]
}

# Processes that carry the token of this run in their environment, as its first word (busybox sees no more): nobody else has it.
ours() {
  for file in $(printf "FLANCTL_CAPTURE=%s" "$token" | grep -lsFf - /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    echo "\${pid%/environ}"
  done
}
`;
