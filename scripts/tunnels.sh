#!/bin/sh
# Switches on two hosts, joined by one of Linux's own tunnels: docs/tunnels.md explains it.
#
#     scripts/tunnels.sh [vxlan|geneve]        as root; two namespaces stand for the two hosts
#
# Without an argument it takes what this kernel has.
#
#     guest1 eth0 --veth-- p0 \                                              / p0 --veth-- eth0 guest2
#                              vale0 -- tun0 -- eth0 --veth-- eth0 -- tun0 -- vale0
#                               host1   tunnel  10.9.0.1      10.9.0.2         host2
#
# Guests have 192.168.50.1 and .2, and their pings cross both switches and the tunnel. Everything is gone when
# it ends. VALET says how valet is called; by default it is this checkout's.
set -eu

kind=${1:-}
case $kind in
'' | vxlan | geneve) ;;
*)
  echo "usage: $0 [vxlan|geneve]" >&2
  exit 2
  ;;
esac
[ "$(id -u)" = 0 ] || { echo "Only root can make network namespaces" >&2; exit 1; }

for program in ip ping; do
  command -v "$program" >/dev/null || { echo "There is no $program: it is in iproute2, iputils-ping" >&2; exit 1; }
done

root=$(cd "$(dirname "$0")/.." && pwd)
: "${DENO:=deno}"
: "${VALET:=$DENO run --quiet --no-prompt -A $root/cli/main.ts}"
command -v "${VALET%% *}" >/dev/null || { echo "There is no ${VALET%% *}: set DENO or VALET" >&2; exit 1; }
folder=$(mktemp -d)
id=vt$$

cleanup() {
  for host in 1 2; do
    VALET_SOCKET="$folder/$host.sock" $VALET daemon stop >/dev/null 2>&1 || true
  done
  for name in host1 host2 guest1 guest2 probe; do ip netns delete "$id-$name" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# has KIND: whether this kernel has such devices
has() {
  case $1 in
  vxlan) set -- vxlan dstport 4789 ;;
  geneve) set -- geneve remote 10.9.0.2 ;;
  esac
  ip netns add "$id-probe"
  ip -n "$id-probe" link add tun0 type "$1" id 42 "$2" "$3" 2>/dev/null
  found=$?
  ip netns delete "$id-probe"
  return $found
}

if [ -z "$kind" ]; then
  if has vxlan; then kind=vxlan; elif has geneve; then kind=geneve; fi
  [ "$kind" ] || { echo "This kernel has neither VXLAN nor GENEVE devices (modules vxlan, geneve)" >&2; exit 1; }
elif ! has "$kind"; then
  echo "This kernel has no $kind devices (module $kind): leave $kind out, to take what it has" >&2
  exit 1
fi

# on NAMESPACE COMMAND...
on() {
  namespace=$1
  shift
  ip netns exec "$id-$namespace" "$@"
}

# switch HOST COMMAND...: a command of valet on one of the hosts, each of which has a daemon of its own
switch() {
  host=$1
  shift
  VALET_BACKEND=daemon VALET_SOCKET="$folder/$host.sock" on "host$host" $VALET "$@"
}

# tunnel HOST OTHER: the tunnel's end on a host, attached to its switch, and the guest behind it
tunnel() {
  host=$1 other=$2
  case $kind in
  vxlan) on "host$host" ip link add tun0 type vxlan id 42 local "10.9.0.$host" remote "10.9.0.$other" dstport 4789 dev eth0 ;;
  geneve) on "host$host" ip link add tun0 type geneve id 42 remote "10.9.0.$other" ;;
  esac
  # What a tunnel adds to each frame is missing in it: 50 bytes of the underlay's MTU (IPv4)
  on "host$host" ip link set tun0 mtu "$mtu" up
  ip link add p0 netns "$id-host$host" mtu "$mtu" type veth \
    peer name eth0 netns "$id-guest$host" mtu "$mtu"
  on "host$host" ip link set p0 up
  on "guest$host" ip address add "192.168.50.$host/24" dev eth0
  on "guest$host" ip link set eth0 up
  switch "$host" vale-ctl -a vale0:p0
  switch "$host" vale-ctl -a vale0:tun0
}

for name in host1 host2 guest1 guest2; do ip netns add "$id-$name"; done
ip link add eth0 netns "$id-host1" type veth peer name eth0 netns "$id-host2"
for host in 1 2; do
  on "host$host" ip address add "10.9.0.$host/24" dev eth0
  on "host$host" ip link set eth0 up
done
underlay=$(on host1 cat /sys/class/net/eth0/mtu)
mtu=$((underlay - 50))

switch 1 daemon start >/dev/null
switch 2 daemon start >/dev/null
tunnel 1 2
tunnel 2 1
switch 1 ports
echo "$kind between 10.9.0.1 and 10.9.0.2: MTU $underlay below, $mtu for the guests"

echo "--- a small ping"
on guest1 ping -c 3 -i 0.2 -w 20 192.168.50.2
echo "--- the largest packet, not to be fragmented: $mtu bytes"
on guest1 ping -c 3 -i 0.2 -w 20 -M do -s $((mtu - 28)) 192.168.50.2
echo "--- one byte more is refused at once, by the guest's own stack"
if on guest1 ping -c 1 -w 5 -M do -s $((mtu - 27)) 192.168.50.2; then
  echo "A packet that is too long was not refused" >&2
  exit 1
fi
echo "--- who is behind which port of the first switch"
switch 1 table vale0
