# canal.sh SUBNET POD=ADDRESS...: in a node's namespaces (vxlan, IPv4), makes of what the bridge plugin made what Canal makes (RKE2's manifest; model/flannel-backends.md §8):
# no bridge but a host route a pod, answered by proxy ARP; Calico's chains instead of flannel's; flannel's files in its container only.
set -e
subnet=$1
shift
iptables -D FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
iptables -F FLANNEL-FWD
iptables -X FLANNEL-FWD
iptables-restore -n <<RULES
*filter
:cali-FORWARD - [0:0]
:cali-from-wl-dispatch - [0:0]
:cali-to-wl-dispatch - [0:0]
:cali-from-hep-forward - [0:0]
:cali-to-hep-forward - [0:0]
:cali-cidr-block - [0:0]
:cali-pro-kns.default - [0:0]
-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
-A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m comment --comment "Policy explicitly accepted packet." -m mark --mark 0x10000/0x10000 -j ACCEPT
-A FORWARD -m comment --comment "cali:mp77cMpurHhyjLrM" -j MARK --set-xmark 0x10000/0x10000
-A cali-FORWARD -m comment --comment "cali:vjrMJCRpqwy5oRoX" -j MARK --set-xmark 0x0/0xe0000
-A cali-FORWARD -m comment --comment "cali:A_sPAO0mcxbT9mOV" -m mark --mark 0x0/0x10000 -j cali-from-hep-forward
-A cali-FORWARD -m comment --comment "cali:8ZoYfO5HKXWbB3pk" -i cali+ -j cali-from-wl-dispatch
-A cali-FORWARD -m comment --comment "cali:jdEuaPBe14V2hutn" -o cali+ -j cali-to-wl-dispatch
-A cali-FORWARD -m comment --comment "cali:12bc6HljsMKsmfr-" -j cali-to-hep-forward
-A cali-FORWARD -m comment --comment "cali:NOSxoaGx8OIstr1z" -j cali-cidr-block
-A cali-pro-kns.default -m comment --comment "cali:zMPAnP2BYUm8ZZeN" -m comment --comment "Profile kns.default ingress" -j MARK --set-xmark 0x10000/0x10000
-A cali-pro-kns.default -m comment --comment "cali:ttaPbv2MsF5kvuX4" -m mark --mark 0x10000/0x10000 -j RETURN
COMMIT
RULES
n=0
for pod; do
  address=${pod#*=}
  pod=${pod%%=*}
  n=$((n + 1))
  index=$(ip netns exec "$pod" ip -o link show dev eth0 | sed 's/.*eth0@if\([0-9]*\):.*/\1/')
  veth=$(ip -o link | sed -n "s/^$index: \([^@:]*\)[@:].*/\1/p")
  port=$(printf 'cali%s%07d' "$(echo "$pod" | cksum | cut -c1-4)" "$n")
  ip link set "$veth" down nomaster
  ip link set "$veth" name "$port" address ee:ee:ee:ee:ee:ee
  ip link set "$port" up
  echo 1 >"/proc/sys/net/ipv4/conf/$port/proxy_arp"
  echo 0 >"/proc/sys/net/ipv4/neigh/$port/proxy_delay"
  ip route add "$address" dev "$port" scope link
  ip netns exec "$pod" sh -e -c "
    ip addr flush dev eth0 scope global
    ip addr add $address/32 dev eth0
    ip route add 169.254.1.1 dev eth0 scope link
    ip route add default via 169.254.1.1 dev eth0
    ip neigh flush dev eth0"
  for way in from to; do
    side=$(test $way = from && echo fw || echo tw)
    iptables -N "cali-$side-$port"
    iptables -A "cali-$side-$port" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    iptables -A "cali-$side-$port" -m conntrack --ctstate INVALID -j DROP
    iptables -A "cali-$side-$port" -j MARK --set-xmark 0x0/0x10000
    iptables -A "cali-$side-$port" -j cali-pro-kns.default
    iptables -A "cali-$side-$port" -m mark --mark 0x10000/0x10000 -m comment --comment "Return if profile accepted" -j RETURN
    iptables -A "cali-$side-$port" -m comment --comment "Drop if no profiles matched" -j DROP
    iptables -A "cali-$way-wl-dispatch" "$(test $way = from && echo -i || echo -o)" "$port" -g "cali-$side-$port"
  done
done
for way in from to; do iptables -A "cali-$way-wl-dispatch" -m comment --comment "Unknown interface" -j DROP; done
ip link del cni0
# --ip-blackhole-route
ip route add blackhole "$subnet"
rm -f /run/flannel/subnet.env /etc/kube-flannel/net-conf.json /etc/cni/net.d/*
cat >/etc/cni/net.d/10-canal.conflist <<CONF
{
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico",
      "log_level": "info",
      "datastore_type": "kubernetes",
      "nodename": "$(hostname)",
      "mtu": 1450,
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "usePodCidr"}]]},
      "policy": {"type": "k8s"},
      "kubernetes": {"kubeconfig": "/etc/cni/net.d/calico-kubeconfig"}
    },
    {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}},
    {"type": "bandwidth", "capabilities": {"bandwidth": true}}
  ]
}
CONF
