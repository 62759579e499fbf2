# flanneld.sh NODE LEASES PERIOD SUBNET ADDRESS SUBNET6|- ADDRESS6|-: what flanneld does to a node's tables (flannel-backends.md §3, §9)
#
# A lease is a file LEASES/NODE: `TYPE SUBNET ADDRESS MAC SUBNET6 ADDRESS6 MAC6`. Every change of the tables is a line on stdout.
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
mtu=1500
[ "$type" = host-gw ] || mtu=1450
sed "s/^FLANNEL_MTU=.*/FLANNEL_MTU=$mtu/" /run/flannel/subnet.env >/run/flannel/subnet.env.new && mv /run/flannel/subnet.env.new /run/flannel/subnet.env

# The lease is published before the node's own routes are written, so peers move first.
echo "$type $subnet $address $mac $subnet6 $address6 $mac6" >"$leases/.$node" && mv "$leases/.$node" "$leases/$node"

seen=
remembered=
since=0
away=0
while :; do
  for file in "$leases"/*; do
    [ "$file" != "$leases/$node" ] || continue
    read -r peer_type peer_subnet peer_address peer_mac peer_subnet6 peer_address6 peer_mac6 <"$file" || continue
    event="$file $peer_type $peer_mac $peer_mac6;"
    case $seen in *"$event"*) continue ;; esac
    seen="$seen$event"
    # A lease of another type is ignored; what is there for it stays.
    if [ "$peer_type" != "$type" ]; then continue; fi
    if [ "$type" = host-gw ]; then
      host_gw "$peer_subnet" "$peer_address"
      remembered="$remembered$peer_subnet=$peer_address "
      if [ "$peer_subnet6" != - ]; then
        host_gw6 "$peer_subnet6" "$peer_address6"
        remembered="$remembered$peer_subnet6=$peer_address6 "
      fi
    else
      vxlan "$peer_subnet" "$peer_address" "$peer_mac"
      [ "$peer_subnet6" = - ] || vxlan6 "$peer_subnet6" "$peer_address6" "$peer_mac6"
    fi
  done
  # Since v0.27.4: a device that has been away for a second is made anew, empty.
  if [ "$type" = vxlan ] && [ ! -e "/sys/class/net/$device" ]; then away=$((away + 1)); else away=0; fi
  if [ "$away" -ge 5 ]; then
    adopt "$device" "$address" 1450
    own_address "$device" "$(first "$subnet")/32"
  fi
  : >/run/flanneld.ready
  sleep 0.2
  since=$((since + 1))
  [ "$((since * 2))" -ge "$((period * 10))" ] || continue
  since=0
  for route in $remembered; do
    case $route in
      *:*) as_wanted6 "${route%%=*}" "${route##*=}" eth0 || missing -6 "${route%%=*}" "${route##*=}" ;;
      *) as_wanted "${route%%=*}" "${route##*=}" eth0 || missing -4 "${route%%=*}" "${route##*=}" ;;
    esac
  done
done
