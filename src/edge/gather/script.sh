# flanctl reads one node: sh -s -- [--text] [--pods none|all|path] [--only NAME,NAME] [POD|ADDRESS...] < this file
#
# Read-only: it runs list commands, reads files, writes nothing but its output, loads no kernel module and starts nothing that stays.
# One long file, because it travels as one. POSIX sh; dash, bash and busybox ash run it. Nothing happens before the last lines are here, so a cut upload does nothing.
#
# Output: `#flanctl-dump 1 MARK`, then for each section `MARK@ NAME COMMAND`, what the command printed, a newline,
# `MARK! TEXT` for each line of its stderr, `MARK= NAME EXITCODE`; at the very end `MARK. end`. MARK is a random word of this run,
# so nothing a node has in its tables can look like the end of a section. The section `skipped` lists what was not looked at, `NAME REASON`:
#   not-loaded  the part of the kernel is not loaded, so there is nothing in it (looking would have loaded it)
#   no-tool, no-permission, no-entry, odd-name, too-many: it could not be seen; there may be something
#   not-visible-in-pod: FLANCTL_VIEW=network says that this runs in a pod which shares the network of the node, and neither its files nor
#   its processes; what would be read of them would be the image of that pod (subnet.env and net-conf.json are mounted, so they are flannel itself)
#
# The program stands in a variable because it is needed three times: here, as root through sudo (one call, not one a command), and
# once (its first part) inside each pod. Hence no single quote and no apostrophe between the first line of it and the last.
program='
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export PATH
# ss asks the kernel through udp_diag, which loads that module; told where the files are, it reads them instead.
PROC_NET_UDP=/proc/net/udp
PROC_NET_UDP6=/proc/net/udp6
export PROC_NET_UDP PROC_NET_UDP6
nl="
"
tab="	"
skipped=

have() { command -v "$1" >/dev/null 2>&1; }
skip() { if want "$1"; then skipped="$skipped$1 $2$nl"; fi; }

want() {
  [ -n "$only" ] || return 0
  case $1 in
    cni/*) set -- cni ;;
    pods/*) case ",$only," in *,pods,*) return 0 ;; esac; set -- "pods/${1##*/}" ;;
    pods) case ",$only" in *,pods*) return 0 ;; esac ;;
  esac
  case ",$only," in *",$1,"*) return 0 ;; esac
  return 1
}

begin() { printf "%s@ %s %s\n" "$mark" "$1" "$2"; }

# finish NAME EXITCODE STDERR
finish() {
  echo
  if [ -n "$3" ]; then
    lines=0
    set -f
    IFS=$nl
    for line in $3; do
      lines=$((lines + 1))
      [ "$lines" -gt 20 ] && break
      printf "%s! %.500s\n" "$mark" "$line"
    done
    unset IFS
    set +f
  fi
  printf "%s= %s %s\n" "$mark" "$1" "$2"
}

# section NAME COMMAND...
section() {
  want "$1" || return 0
  name=$1
  shift
  begin "$name" "$*"
  err=$("$@" 2>&1 >&3 3>&- </dev/null)
  finish "$name" $? "$err"
}

# clean WORD: sets clean to WORD with only what a file name may hold
clean() {
  clean=$1
  case $1 in
    "" | .* | *[!A-Za-z0-9._-]*) ;;
    *) return 0 ;;
  esac
  rest=$1
  clean=
  while [ -n "$rest" ]; do
    tail=${rest#?}
    char=${rest%"$tail"}
    rest=$tail
    case $char in [A-Za-z0-9._-]) clean=$clean$char ;; *) clean=${clean}_ ;; esac
  done
  case $clean in "" | .*) clean=_$clean ;; esac
}

# section_by NAME FUNCTION COMMAND: what a function of this script prints, under the command it stands for
section_by() {
  want "$1" || return 0
  begin "$1" "$3"
  err=$("$2" 2>&1 >&3 3>&- </dev/null)
  finish "$1" $? "$err"
}

# One grep for all files: a fork a file would cost seconds, and read takes one byte at a time, which for /proc/sys gives the first digit only.
print_pod_sysctl() {
  cd /proc/sys || return 1
  grep -s . /dev/null \
    net/ipv4/conf/*/forwarding net/ipv4/conf/*/rp_filter net/ipv4/conf/*/src_valid_mark net/ipv4/conf/*/accept_local \
    net/ipv4/conf/*/send_redirects net/ipv4/conf/*/route_localnet net/ipv4/conf/*/arp_ignore \
    net/ipv6/conf/*/disable_ipv6 net/ipv6/conf/*/forwarding net/ipv6/conf/*/mtu |
    sed "s/:/=/"
}

# pod NAME HOSTNAME?: runs inside the pod. The name of a network namespace made by a container runtime says nothing; the
# name of its host is the name of the pod. /proc/sys/kernel/hostname follows whoever reads it.
pod() {
  mark=$FLANCTL_MARK
  only=$FLANCTL_ONLY
  ip=$FLANCTL_IP
  pod=$1
  if [ -n "$2" ] && read -r hostname 2>/dev/null </proc/sys/kernel/hostname && [ -n "$hostname" ] && [ "$hostname" != "$2" ]; then pod=$hostname; fi
  clean "$pod"
  pod=$clean
  # It would be copied into each of the commands.
  unset FLANCTL_PROGRAM
  exec 3>&1
  out=$($ip addr show 2>&1)
  rc=$?
  case $out in
    *\"scope\":\"global\"* | *"scope global"* | *\"scope\":\ \"global\"*) ;;
    *) [ "$rc" = 0 ] && return 0 ;;
  esac
  if [ -n "$FLANCTL_PODS" ]; then
    match=
    for wanted in $FLANCTL_PODS; do
      [ "$wanted" = "$pod" ] && match=y
      case $out in *\""$wanted"\"* | *"inet $wanted/"* | *"inet6 $wanted/"*) match=y ;; esac
    done
    [ -n "$match" ] || return 0
  fi
  if want "pods/$pod/ip-addr"; then
    begin "pods/$pod/ip-addr" "$ip addr show"
    if [ "$rc" = 0 ]; then
      printf "%s\n" "$out"
      finish "pods/$pod/ip-addr" 0 ""
    else
      finish "pods/$pod/ip-addr" "$rc" "$out"
    fi
  fi
  section "pods/$pod/ip-link" $ip $FLANCTL_DETAILS link show
  section "pods/$pod/ip-route-all" $ip -4 $FLANCTL_DETAILS route show table all
  section "pods/$pod/ip-6-route-all" $ip -6 $FLANCTL_DETAILS route show table all
  section "pods/$pod/ip-neigh" $ip -4 neigh show
  section "pods/$pod/ip-6-neigh" $ip -6 neigh show
  section_by "pods/$pod/sysctl" print_pod_sysctl "grep . /proc/sys/net/..."
}

# ---- what follows is not needed inside a pod ----

# loaded MODULE: it is in the kernel now, or the kernel cannot load modules at all and looking is harmless
loaded() {
  [ -e /proc/modules ] || return 0
  case "$nl$modules" in *"$nl$1 "*) return 0 ;; esac
  [ -d "/sys/module/$1" ] && return 0
  grep -qs "/$1\.ko" "/lib/modules/$kernel/modules.builtin" && return 0
  # In a pod that list is not there. What is built in has its functions among the symbols, with no module behind them.
  [ ! -r "/lib/modules/$kernel/modules.builtin" ] || return 1
  case $1 in
    nf_tables) grep -qs " nft_do_chain\$" /proc/kallsyms ;;
    xfrm_user) grep -qs " xfrm_user_rcv_msg\$" /proc/kallsyms ;;
    wireguard) grep -qs " wg_packet_receive\$" /proc/kallsyms ;;
    *) return 1 ;;
  esac
}

print_host() {
  read -r hostname 2>/dev/null </proc/sys/kernel/hostname || hostname=$(uname -n)
  printf "hostname=%s\nkernel=%s\niproute2=%s\nuid=%s\nsudo=%s\n" "$hostname" "$kernel" "$ip_version" "$uid" "$sudo"
  if [ -z "$FLANCTL_VIEW" ]; then
    while IFS="=" read -r key value; do
      case $key in
        PRETTY_NAME)
          value=${value#\"}
          printf "os=%s\n" "${value%\"}"
          ;;
      esac
    done 2>/dev/null </etc/os-release
    # What flanneld is part of here, to say how it is restarted. A unit that runs has a cgroup.
    for unit in k3s k3s-agent flanneld snap.microk8s.daemon-flanneld; do
      if [ -d "/sys/fs/cgroup/system.slice/$unit.service" ] || [ -d "/sys/fs/cgroup/systemd/system.slice/$unit.service" ]; then
        printf "flannel_unit=%s\n" "$unit"
      fi
    done
  fi
  read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id && printf "boot_id=%s\n" "$boot"
  return 0
}

print_sysctl() {
  cd /proc/sys || return 1
  # Two calls: of a node with thousands of devices the names of all files would not fit into one.
  {
    grep -s . /dev/null \
      net/ipv4/ip_forward net/ipv4/ip_no_pmtu_disc net/ipv4/tcp_mtu_probing net/ipv4/fib_multipath_hash_policy \
      net/ipv4/conf/*/forwarding net/ipv4/conf/*/rp_filter net/ipv4/conf/*/src_valid_mark net/ipv4/conf/*/arp_ignore \
      net/ipv4/conf/*/arp_announce net/ipv4/conf/*/accept_local net/ipv4/conf/*/proxy_arp \
      net/ipv4/conf/*/disable_policy net/ipv4/conf/*/send_redirects net/ipv4/conf/*/route_localnet \
      net/ipv4/conf/*/ignore_routes_with_linkdown net/ipv4/neigh/default/gc_thresh?
    grep -s . /dev/null \
      net/ipv6/conf/*/forwarding net/ipv6/conf/*/disable_ipv6 net/ipv6/conf/*/accept_ra net/ipv6/conf/*/force_forwarding \
      net/ipv6/conf/*/mtu net/ipv6/conf/*/use_tempaddr net/ipv6/conf/*/use_oif_addrs_only \
      net/ipv6/conf/*/ignore_routes_with_linkdown \
      net/ipv6/fib_multipath_hash_policy net/ipv6/neigh/default/gc_thresh? \
      net/bridge/bridge-nf-call-iptables net/bridge/bridge-nf-call-ip6tables net/bridge/bridge-nf-call-arptables \
      net/netfilter/nf_conntrack_max net/netfilter/nf_conntrack_count
  } | sed "s/:/=/"
}

# wg show all dump without the keys that must not leave the node: field 2 of a device, field 3 of a peer
print_wg() {
  dump=$(wg show all dump) || return $?
  set -f
  IFS=$nl
  for line in $dump; do
    IFS=$tab
    set -- $line
    IFS=$nl
    case $#:$3 in
      5:*) [ "$2" = "(none)" ] || set -- "$1" "(hidden)" "$3" "$4" "$5" ;;
      9:"(none)") ;;
      9:*) set -- "$1" "$2" "(hidden)" "$4" "$5" "$6" "$7" "$8" "$9" ;;
      *) echo "a line of $# fields was left out" >&2; continue ;;
    esac
    IFS=$tab
    printf "%s\n" "$*"
    IFS=$nl
  done
}

print_modules() {
  for module in 8021q br_netfilter bridge esp4 geneve gre ip6_tables ip6table_filter ip6table_nat ip_gre ip_tables ip_vs ipip \
    iptable_filter iptable_mangle iptable_nat nf_conntrack nf_tables nft_compat tun udp_diag veth vxlan wireguard xfrm_user xt_comment; do
    if loaded "$module"; then echo "$module"; fi
  done
}

# where_k3s: sets k3s to where it keeps its files. Its configuration or the arguments in its unit may name another place.
where_k3s() {
  k3s=/var/lib/rancher/k3s
  for file in /etc/systemd/system/k3s.service /etc/systemd/system/k3s-agent.service /etc/rancher/k3s/config.yaml /etc/rancher/k3s/config.yaml.d/*.yaml; do
    [ -r "$file" ] || continue
    before=
    set -f
    for word in $(tr "\042\047\134=: " "\n" <"$file"); do
      case $before:$word in --data-dir:/* | -d:/* | data-dir:/* | d:/*) k3s=${word%/} ;; esac
      before=$word
    done
    set +f
  done
}

print_cni_bin() {
  for file in /opt/cni/bin/* "$k3s"/data/cni/* "$k3s"/data/current/bin/* ${snap:+"$snap"/opt/cni/bin/* /snap/microk8s/current/opt/cni/bin/*}; do
    [ -x "$file" ] && printf "%s\n" "${file##*/}"
  done
  return 0
}

# file NAME FILE...: the first that is there; where there is none, the error of the first says so
file() {
  name=$1
  shift
  first=$1
  for file; do [ -e "$file" ] && break; done
  [ -e "$file" ] || file=$first
  section "$name" cat "$file"
}

cni() {
  if [ -n "$FLANCTL_VIEW" ]; then
    skip cni/net.d not-visible-in-pod
    return
  fi
  found=
  for dir in /etc/cni/net.d "$k3s/agent/etc/cni/net.d" ${snap:+"$snap/args/cni-network"}; do
    for file in "$dir"/*.conf "$dir"/*.conflist "$dir"/*.json; do
      [ -e "$file" ] || continue
      found=y
      clean "${file##*/}"
      if [ "$clean" = "${file##*/}" ]; then section "cni/$clean" cat "$file"; else skip "cni/$clean" odd-name; fi
    done
    [ -n "$found" ] && return
  done
}

# xtables PREFIX: iptables or ip6tables. Asking either flavour may load its module and make its tables, so each is asked only when
# it is there already; what plain iptables-save is (nf_tables or legacy) differs from one distribution to the next.
xtables() {
  want "$1-save" || want "$1-legacy-save" || return 0
  flavour=
  if have "$1-save"; then
    case $("$1-save" -V 2>/dev/null </dev/null) in *nf_tables*) flavour=nf_tables ;; *) flavour=legacy ;; esac
  fi
  if ! loaded nf_tables; then
    skip "$1-save" not-loaded
  elif [ "$flavour" = nf_tables ]; then
    section "$1-save" "$1-save" -c
  elif have "$1-nft-save"; then
    section "$1-save" "$1-nft-save" -c
  else
    skip "$1-save" no-tool
  fi
  case $1 in iptables) names=/proc/net/ip_tables_names ;; *) names=/proc/net/ip6_tables_names ;; esac
  if [ ! -e "$names" ]; then
    skip "$1-legacy-save" not-loaded
  elif [ ! -r "$names" ]; then
    skip "$1-legacy-save" no-permission
  elif ! read -r table <"$names"; then
    skip "$1-legacy-save" not-loaded
  elif have "$1-legacy-save"; then
    section "$1-legacy-save" "$1-legacy-save" -c
  elif [ "$flavour" = legacy ]; then
    section "$1-legacy-save" "$1-save" -c
  else
    skip "$1-legacy-save" no-tool
  fi
}

# enter NAME HOSTNAME PATH PID: runs pod() inside the namespace at PATH
enter() {
  count=$((count + 1))
  if [ "$count" -gt 500 ]; then
    [ "$count" = 501 ] && skip pods too-many
    return
  fi
  entered="$entered$1 $3$nl"
  if have nsenter; then
    set -- "$1" "$2" nsenter "--net=$3" ${4:+"--uts=/proc/$4/ns/uts"}
  elif [ "$3" = "/run/netns/${3##*/}" ] && [ -z "$4" ]; then
    set -- "$1" "" ip netns exec "${3##*/}"
  else
    skip "pods/$1" no-tool
    return
  fi
  name=$1
  host=$2
  shift 2
  err=$(FLANCTL_PROGRAM=$inside FLANCTL_MARK=$mark FLANCTL_ONLY=$only FLANCTL_IP=$ip FLANCTL_DETAILS=$details FLANCTL_PODS=$pods \
    "$@" sh -c "eval \"\$FLANCTL_PROGRAM\"; pod \"\$@\"" sh "$name" "$host" 2>&1 >&3 3>&- </dev/null) || skip "pods/$name" no-entry
}

pods() {
  if [ "$mode" = none ] || ! want pods; then return; fi
  if [ -n "$FLANCTL_VIEW" ]; then
    skip pods not-visible-in-pod
    return
  fi
  if ! have ip; then
    skip pods no-tool
    return
  fi
  self=$(ls -l /proc/self/ns/net 2>/dev/null)
  self=${self##*\[}
  self=${self%\]}
  if [ "$uid" != 0 ] && [ "$sudo" = no ]; then
    skip pods no-permission
    return
  fi
  read -r hostname 2>/dev/null </proc/sys/kernel/hostname || hostname=$(uname -n)
  inside=${program%%"# ---- what follows is not needed"*}
  count=0
  entered=
  seen=" $self "
  sandboxes=
  set -f
  IFS=$nl
  # One ls for all processes: a readlink each is a fork each.
  for line in $(set +f; ls -l /proc/[0-9]*/ns/net 2>/dev/null); do
    # A process that ended in between, or is not ours to see, has no target.
    case $line in *"/proc/"*"net:["*) ;; *) continue ;; esac
    inode=${line##*\[}
    inode=${inode%\]}
    case $seen in *" $inode "*) continue ;; esac
    seen="$seen$inode "
    pid=${line#*/proc/}
    sandboxes="$sandboxes $inode:${pid%%/*}"
  done
  named=$(set +f; ls -1iLd /run/netns/* /var/run/netns/* 2>/dev/null)
  seen=" $self "
  for line in $named; do
    unset IFS
    set -- $line
    set +f
    case $seen in *" $1 "*) continue ;; esac
    seen="$seen$1 "
    clean "${2##*/}"
    pid=
    case $clean in
      # What containerd and CRI-O call a sandbox.
      cni-* | ????????-????-????-????-????????????)
        case "$sandboxes " in *" $1:"*) pid=${sandboxes##* $1:}; pid=${pid%% *} ;; esac
        ;;
    esac
    enter "$clean" "${pid:+$hostname}" "$2" "$pid"
    set -f
    IFS=$nl
  done
  unset IFS
  set +f
  for sandbox in $sandboxes; do
    case $seen in *" ${sandbox%%:*} "*) continue ;; esac
    pid=${sandbox##*:}
    enter "pid-$pid" "$hostname" "/proc/$pid/ns/net" "$pid"
  done
  # That it was looked for pods, also where there are none: the namespaces that were entered.
  begin pods "ls -l /proc/[0-9]*/ns/net /run/netns"
  printf "%s" "$entered"
  finish pods 0 ""
}

main() {
  text=
  mode=all
  only=
  sudo=no
  uid=
  while [ $# -gt 0 ]; do
    case $1 in
      --text) text=y ;;
      --pods) mode=$2; shift ;;
      --only) only=$2; shift ;;
      --sudo) sudo=yes; uid=$2; shift ;;
      --uid) uid=$2; shift ;;
      --) shift; break ;;
      *) break ;;
    esac
    shift
  done
  pods=
  [ "$mode" = path ] && pods="${*:-(none)}"

  # A fresh uuid a read, and no fork.
  read -r mark 2>/dev/null </proc/sys/kernel/random/uuid || mark=$(od -An -N16 -tx1 /dev/urandom 2>/dev/null)
  clean "$mark"
  mark=$clean
  [ "${#mark}" -gt 15 ] || mark=$$-$(date +%s)-$$
  read -r kernel 2>/dev/null </proc/sys/kernel/osrelease || kernel=$(uname -r)
  modules=
  [ -e /proc/modules ] && modules=$(cat /proc/modules 2>/dev/null)
  exec 3>&1

  # -j before -V: an iproute2 that does not know -j says so and fails. iproute2 up to 4.20 (dated ss190107) takes -j and then prints text,
  # or JSON that is none, for routes; busybox has no -j and no -d.
  ip=ip
  details=-d
  if ip_version=$(ip -j -V 2>/dev/null </dev/null); then
    case $ip_version in
      *iproute2-ss1[0-8]* | *iproute2-ss190[12]*) ;;
      *iproute2*) [ -n "$text" ] || ip="ip -j" ;;
    esac
  else
    ip_version=$(ip -V 2>&1 </dev/null)
    case $ip_version in
      *iproute2*) ;;
      *BusyBox*) ip_version=busybox details= ;;
      *) have ip || ip_version=none ;;
    esac
  fi
  bridge=bridge
  [ -z "$text" ] && bridge -j -V >/dev/null 2>&1 </dev/null && bridge="bridge -j"

  printf "#flanctl-dump 1 %s\n" "$mark"
  only_asked=$only
  only=
  section_by host print_host uname
  only=$only_asked
  section ip-link $ip $details link show
  section ip-addr $ip addr show
  section ip-route-all $ip -4 $details route show table all
  section ip-6-route-all $ip -6 $details route show table all
  section ip-rule $ip -4 rule show
  section ip-6-rule $ip -6 rule show
  section ip-neigh $ip -4 neigh show
  section ip-6-neigh $ip -6 neigh show
  if want ip-nexthop; then
    if out=$($ip nexthop show 2>/dev/null </dev/null); then
      begin ip-nexthop "$ip nexthop show"
      [ -z "$out" ] || printf "%s\n" "$out"
      finish ip-nexthop 0 ""
    fi
  fi
  section bridge-fdb $bridge fdb show
  if ! have bridge && have brctl; then section brctl-show brctl show; fi
  if ! have ip && have route; then section route-n route -n; fi
  section_by sysctl print_sysctl "grep . /proc/sys/net/..."
  if [ -e /proc/modules ]; then section_by modules print_modules "cat /proc/modules"; fi

  xtables iptables
  xtables ip6tables
  if loaded nf_tables; then
    section nft nft -j list ruleset
  else
    skip nft not-loaded
  fi
  if have wg || loaded wireguard; then section_by wg-show print_wg "wg show all dump"; else skip wg-show not-loaded; fi
  if have ss; then section ss-udp ss -lunpH; else section ss-udp cat /proc/net/udp /proc/net/udp6; fi
  if loaded xfrm_user; then
    section ip-xfrm-policy ip xfrm policy list
    # Keys must not leave the node: an ip too old for the word nokeys fails, and prints none.
    section ip-xfrm-state ip xfrm state list nokeys
  else
    skip ip-xfrm-policy not-loaded
    skip ip-xfrm-state not-loaded
  fi

  where_k3s
  # MicroK8s has flannel while it has no ha-cluster; after that the files of flannel are leftovers.
  snap=/var/snap/microk8s/current
  if [ ! -d "$snap" ] || [ -e "$snap/var/lock/ha-cluster" ]; then snap=; fi
  file subnet.env /run/flannel/subnet.env /var/run/flannel/subnet.env ${snap:+"/var/snap/microk8s/common/run/flannel/subnet.env"}
  file net-conf.json /etc/kube-flannel/net-conf.json "$k3s/agent/etc/flannel/net-conf.json" ${snap:+"$snap/args/flannel-network-mgr-config"}
  cni
  if [ -n "$FLANCTL_VIEW" ]; then skip cni-bin not-visible-in-pod; else section_by cni-bin print_cni_bin "ls /opt/cni/bin"; fi
  pods

  only=
  begin skipped "what was not looked at, and why"
  printf "%s" "$skipped"
  finish skipped 0 ""
  printf "%s. end\n" "$mark"
}
'

set -- ${FLANCTL_TEXT:+--text} "$@"
uid=$(id -u)
if [ "$uid" != 0 ] && command -v sudo >/dev/null 2>&1 && sudo -n sh -c : >/dev/null 2>&1 </dev/null; then
  printf '%s\n' "$program" | sudo -n sh -c 'program=$(cat); eval "$program"; main "$@"' sh --sudo "$uid" "$@"
else
  eval "$program"
  main --uid "$uid" "$@"
fi
exit
