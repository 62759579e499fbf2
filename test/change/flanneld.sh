# flanneld.sh NODE LEASES PERIOD SUBNET ADDRESS SUBNET6|- ADDRESS6|-: what flanneld does to a node's tables (flannel-backends.md §3, §9)
#
# A lease is a file LEASES/NODE: `TYPE SUBNET ADDRESS MAC SUBNET6 ADDRESS6 MAC6`, WireGuard's key in the place of a hardware address. Every
# change of the tables is a line on stdout. Of ipsec, charon's part is that associations are there while it runs: ip's words for them are
# in /run/associations.
node=$1 leases=$2 period=$3 subnet=$4 address=$5 subnet6=$6 address6=$7
conf=${FLANNELD_CONF:-/etc/kube-flannel/net-conf.json}
# The name by which the kernel knows the real one, where the test wants it seen.
if [ -n "${FLANNELD_COMM:-}" ]; then printf "${FLANNELD_COMM}" >/proc/$$/comm; fi
if [ -n "${FLANNELD_ETCD_ENDPOINTS:-}" ]; then
  conf=/run/flanneld.conf
  ETCDCTL_API=3 etcdctl --endpoints="$FLANNELD_ETCD_ENDPOINTS" ${FLANNELD_ETCD_CAFILE:+--cacert="$FLANNELD_ETCD_CAFILE"} \
    ${FLANNELD_ETCD_CERTFILE:+--cert="$FLANNELD_ETCD_CERTFILE"} ${FLANNELD_ETCD_KEYFILE:+--key="$FLANNELD_ETCD_KEYFILE"} get --print-value-only /coreos.com/network/config >$conf || exit 1
fi
type=$(sed -n 's/.*"Type": *"\([a-z-]*\)".*/\1/p' "$conf")
vni=$(sed -n 's/.*"VNI": *\([0-9]*\).*/\1/p' "$conf")
direct=$(grep -c '"DirectRouting": *true' "$conf")
port=$(sed -n 's/.*"Port": *\([0-9]*\).*/\1/p' "$conf")
device=flannel.${vni:-1}
device6=flannel-v6.${vni:-1}
mac=-
mac6=-

did() {
  echo "$*"
  "$@"
}
first() { printf '%s\n' "${1%/*}"; }

# adopt DEVICE LOCAL MTU: a device of the same attributes is kept, with its address; another is deleted and made anew
adopt() {
  if ip -d link show "$1" 2>/dev/null | grep -q "vxlan id ${vni:-1} .*local $2 dev eth0 .*dstport ${port:-8472} nolearning"; then
    did ip link set "$1" up
    return
  fi
  [ ! -e "/sys/class/net/$1" ] || did ip link del "$1"
  did ip link add "$1" txqueuelen 0 mtu "$3" type vxlan id "${vni:-1}" local "$2" dev eth0 dstport "${port:-8472}" nolearning
  did ip link set "$1" up
}
own_address() { ip addr show dev "$1" | grep -q " $2 " || did ip addr add "$2" dev "$1"; }
mac_of() { cat "/sys/class/net/$1/address"; }

# as_wanted PREFIX GATEWAY DEV: is the first route to the prefix that one? Metric, protocol and flags are not compared.
as_wanted() { [ "$(ip route show "$1" | head -n 1 | awk '{print $3, $5}')" = "$2 $3" ]; }
as_wanted6() { [ "$(ip -6 route show "$1" | head -n 1 | awk '{print $3, $5}')" = "$2 $3" ]; }

# A route that differs is deleted, and then the right one is added: two calls.
host_gw() {
  if [ -n "$(ip route show "$1")" ] && ! as_wanted "$1" "$2" eth0; then did ip route del $(ip route show "$1" | head -n 1); fi
  as_wanted "$1" "$2" eth0 || did ip route add "$1" via "$2" dev eth0
}
host_gw6() {
  if [ -n "$(ip -6 route show "$1")" ] && ! as_wanted6 "$1" "$2" eth0; then did ip -6 route del "$1"; fi
  as_wanted6 "$1" "$2" eth0 || did ip -6 route add "$1" via "$2" dev eth0
}
# Create-exclusive: it fails, unnoticed, where there is any route to the prefix.
missing() { ip "$1" route add "$2" via "$3" dev eth0 2>/dev/null && echo "the check added $2"; }
on_link() { case $(ip route get "$1") in *" via "*) return 1 ;; esac; }
vxlan() {
  if [ "$direct" = 1 ] && on_link "$2"; then
    did ip route replace "$1" via "$2" dev eth0
    return
  fi
  did ip neigh replace "$(first "$1")" lladdr "$3" dev "$device" nud permanent
  did bridge fdb replace "$3" dev "$device" dst "$2" self permanent
  did ip route replace "$1" via "$(first "$1")" dev "$device" onlink
}
vxlan6() {
  if [ "$direct" = 1 ] && on_link "$2"; then
    did ip -6 route replace "$1" via "$2" dev eth0
    return
  fi
  did ip -6 neigh replace "$(first "$1")" lladdr "$3" dev "$device6" nud permanent
  did bridge fdb replace "$3" dev "$device6" dst "$2" self permanent
  did ip -6 route replace "$1" via "$(first "$1")" dev "$device6" onlink
}

ipip() {
  if [ "$direct" = 1 ] && on_link "$2"; then
    host_gw "$1" "$2"
    return
  fi
  if [ -n "$(ip route show "$1")" ] && ! as_wanted "$1" "$2" flannel.ipip; then did ip route del $(ip route show "$1" | head -n 1); fi
  as_wanted "$1" "$2" flannel.ipip || did ip route add "$1" via "$2" dev flannel.ipip onlink
}
policy() { did ip xfrm policy update src "$2" dst "$4" dir "$1" tmpl src "$3" dst "$5" proto esp reqid 11 mode tunnel; }
ipsec() {
  policy out "$subnet" "$address" "$1" "$2"
  policy in "$1" "$2" "$subnet" "$address"
  policy fwd "$1" "$2" "$subnet" "$address"
}

# Made anew at every start, and taken away at a proper end.
wireguard_device() {
  [ ! -e "/sys/class/net/$1" ] || did ip link del "$1"
  did ip link add "$1" mtu 1420 type wireguard
  did wg set "$1" listen-port "$2" private-key /run/flannel/wgkey
  own_address "$1" "$3"
  did ip link set "$1" up
}
ended() {
  case $type in
    wireguard) for dev in flannel-wg flannel-wg-v6; do [ ! -e "/sys/class/net/$dev" ] || did ip link del "$dev"; done ;;
    ipsec) did ip xfrm state flush ;;
  esac
  rm -f /run/flanneld.alive
  exit
}
case $type in wireguard | ipsec)
  : >/run/flanneld.alive
  trap ended TERM
  ;;
esac

if [ "$type" = vxlan ]; then
  adopt "$device" "$address" 1450
  own_address "$device" "$(first "$subnet")/32"
  mac=$(mac_of "$device")
  if [ "$subnet6" != - ]; then
    adopt "$device6" "$address6" 1430
    own_address "$device6" "$(first "$subnet6")/128"
    mac6=$(mac_of "$device6")
  fi
fi
if [ "$type" = wireguard ]; then
  [ -s /run/flannel/wgkey ] || (umask 377 && wg genkey >/run/flannel/wgkey)
  wireguard_device flannel-wg 51820 "$(first "$subnet")/32"
  did ip route replace "$(sed -n 's/.*"Network": *"\([^"]*\)".*/\1/p' "$conf")" dev flannel-wg scope link
  mac=$(wg show flannel-wg public-key)
  if [ "$subnet6" != - ]; then
    wireguard_device flannel-wg-v6 51821 "$(first "$subnet6")/128"
    did ip -6 route replace "$(sed -n 's/.*"IPv6Network": *"\([^"]*\)".*/\1/p' "$conf")" dev flannel-wg-v6
    mac6=$mac
  fi
fi
if [ "$type" = ipip ]; then
  if ! ip -d link show flannel.ipip 2>/dev/null | grep -q "local $address "; then
    did ip link add flannel.ipip mtu 1480 type ipip local "$address" remote any nopmtudisc ttl inherit
  fi
  own_address flannel.ipip "$(first "$subnet")/32"
  did ip link set flannel.ipip up
fi
# One more than once is no matter: charon does so, too. It begins when flanneld does and takes its time, while policies are there at once.
if [ "$type" = ipsec ]; then (sleep 3 && ip -force -batch /run/associations) >/dev/null 2>&1 3>&- & fi
case $type in
  host-gw) mtu=1500 ;;
  ipip) mtu=1480 ;;
  wireguard) mtu=1420 ;;
  ipsec) mtu=1423 ;;
  *) mtu=1450 ;;
esac
sed "s/^FLANNEL_MTU=.*/FLANNEL_MTU=$mtu/" /run/flannel/subnet.env >/run/flannel/subnet.env.new && mv /run/flannel/subnet.env.new /run/flannel/subnet.env

# The lease is published before the node's own routes are written, so peers move first.
echo "$type $subnet $address $mac $subnet6 $address6 $mac6" >"$leases/.$node" && mv "$leases/.$node" "$leases/$node"

seen=
remembered=
since=0
away=0
# Tenths of a second between two looks at the leases: more where to start a program is dear.
pause=${FLANNELD_PAUSE:-2}
while :; do
  for file in "$leases"/*; do
    [ "$file" != "$leases/$node" ] || continue
    read -r peer_type peer_subnet peer_address peer_mac peer_subnet6 peer_address6 peer_mac6 <"$file" || continue
    event="$file $peer_type $peer_mac $peer_mac6;"
    case $seen in *"$event"*) continue ;; esac
    seen="$seen$event"
    # A lease of another type is ignored; what is there for it stays.
    if [ "$peer_type" != "$type" ]; then continue; fi
    case $type in
      host-gw)
        host_gw "$peer_subnet" "$peer_address"
        remembered="$remembered$peer_subnet=$peer_address "
        if [ "$peer_subnet6" != - ]; then
          host_gw6 "$peer_subnet6" "$peer_address6"
          remembered="$remembered$peer_subnet6=$peer_address6 "
        fi
        ;;
      ipip | ipsec) "$type" "$peer_subnet" "$peer_address" ;;
      wireguard)
        did wg set flannel-wg peer "$peer_mac" endpoint "$peer_address:51820" allowed-ips "$peer_subnet"
        [ "$peer_subnet6" = - ] || did wg set flannel-wg-v6 peer "$peer_mac6" endpoint "[$peer_address6]:51821" allowed-ips "$peer_subnet6"
        ;;
      *)
        vxlan "$peer_subnet" "$peer_address" "$peer_mac"
        [ "$peer_subnet6" = - ] || vxlan6 "$peer_subnet6" "$peer_address6" "$peer_mac6"
        ;;
    esac
  done
  # Since v0.27.4: a device that has been away for a second is made anew, empty.
  if [ "$type" = vxlan ] && [ ! -e "/sys/class/net/$device" ]; then away=$((away + pause)); else away=0; fi
  if [ "$away" -ge 10 ]; then
    adopt "$device" "$address" 1450
    own_address "$device" "$(first "$subnet")/32"
  fi
  : >/run/flanneld.ready
  sleep "$((pause / 10)).$((pause % 10))"
  since=$((since + pause))
  [ "$since" -ge "$((period * 10))" ] || continue
  since=0
  for route in $remembered; do
    case $route in
      *:*) as_wanted6 "${route%%=*}" "${route##*=}" eth0 || missing -6 "${route%%=*}" "${route##*=}" ;;
      *) as_wanted "${route%%=*}" "${route##*=}" eth0 || missing -4 "${route%%=*}" "${route##*=}" ;;
    esac
  done
done
