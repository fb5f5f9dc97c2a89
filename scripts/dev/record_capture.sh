#!/usr/bin/env bash
# Records tests/data/tutorial.pcap: real TCP/IP stacks talking in network namespaces.
#
#     sudo scripts/dev/record_capture.sh [FILE]
#
#   alice 10.0.0.1, fd00::1 ----+                          each of them a namespace with Linux's own
#   bob   10.0.0.2, fd00::2 ----+---- hub ---- tap         stack; the hub is a bridge that learns
#   carol 10.0.0.3          ----+          (tcpdump)       nothing, so that the tap sees every frame
#
# Needs root, iproute2, procps, tcpdump, ethtool, ping, curl, getent and python3. Touches nothing outside its namespaces.
set -euo pipefail

root=$(realpath "$(dirname "$0")/../..")
file=$(realpath -m "${1:-$root/tests/data/tutorial.pcap}")
names="hub alice bob carol"
id=$$

for tool in ip ss sysctl tcpdump ethtool ping curl getent python3; do
	command -v "$tool" >/dev/null || { echo "record_capture.sh: $tool is not installed" >&2; exit 1; }
done
if [ "$(id -u)" != 0 ]; then
	echo "record_capture.sh: namespaces need root: run it with sudo" >&2
	exit 1
fi

work=$(mktemp -d)
cleanup() {
	set +e
	disown -a # or bash would tell us that they were terminated
	for name in $names; do
		ip netns pids "v$id-$name" 2>/dev/null | xargs -r kill 2>/dev/null
		ip netns delete "v$id-$name" 2>/dev/null
	done
	rm -rf "$work"
}
trap cleanup EXIT

at() { # at NAMESPACE COMMAND...
	local name=$1
	shift
	ip netns exec "v$id-$name" "$@"
}

until_true() { # until_true WHAT COMMAND...: waits for a condition, ten seconds at most
	local what=$1
	shift
	for _ in $(seq 200); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.05
	done
	echo "record_capture.sh: $what did not happen" >&2
	exit 1
}

# --- the network -------------------------------------------------------------------------------------------

quiet() { # quiet NAMESPACE INTERFACE: frames as they would be on a wire, whole, with checksums
	at "$1" ethtool -K "$2" tx off rx off sg off tso off gso off gro off txvlan off rxvlan off >/dev/null 2>&1
}

for name in $names; do ip netns add "v$id-$name"; done
at hub ip link add hub address 02:00:00:00:00:fe type bridge ageing_time 0 stp_state 0 mcast_snooping 0
at hub sysctl -qw net.ipv6.conf.all.disable_ipv6=1
at hub sysctl -qw net.ipv6.conf.default.disable_ipv6=1
at hub ip link set hub up

station() { # station NAME NUMBER
	at hub ip link add "$1" type veth peer name eth0 address "02:00:00:00:00:0$2" netns "v$id-$1"
	quiet hub "$1"
	quiet "$1" eth0
	at hub ip link set "$1" master hub
	at "$1" ip link set lo up
	at "$1" sysctl -qw net.ipv6.conf.all.accept_ra=0
	at "$1" ip addr add "10.0.0.$2/24" dev eth0
	at "$1" ip addr add "fd00::$2/64" dev eth0
	at "$1" ip link set eth0 up
}
station alice 1
station bob 2
station carol 3
at carol sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1 # she says nothing unasked
at alice ip neigh replace 10.0.0.3 lladdr 02:00:00:00:00:03 dev eth0 nud permanent
vlan() { # vlan NAME NUMBER
	at "$1" ip link add link eth0 name eth0.10 type vlan id 10 2>/dev/null || return 1
	quiet "$1" eth0.10
	at "$1" sysctl -qw net.ipv6.conf.eth0/10.disable_ipv6=1
	at "$1" ip addr add "10.0.10.$2/24" dev eth0.10
	at "$1" ip link set eth0.10 up
}
has_vlan=true
if ! vlan alice 1 || ! vlan bob 2; then
	has_vlan=false
	echo "record_capture.sh: this kernel has no VLANs (8021q): the capture will have none either" >&2
fi

# --- servers -----------------------------------------------------------------------------------------------

mkdir "$work/www"
seq 1 20000 >"$work/www/numbers.txt" # 108,894 bytes
seq 1 4000 >"$work/www/few.txt"
(cd "$work/www" && exec ip netns exec "v$id-bob" python3 -m http.server --bind :: 80) >/dev/null 2>&1 &

# Port 53: a name server for www.valet.test; 7: an echo of whatever is sent; 514: listens and says nothing
cat >"$work/servers.py" <<'PYTHON'
import select, socket, sys

def answer(query):
    end = query.index(b"\0", 12) + 5
    name, kind = query[12:end - 4].lower(), int.from_bytes(query[end - 4:end - 2], "big")
    known = name == b"\3www\5valet\4test\0"
    data = {1: bytes([10, 0, 0, 2]), 28: bytes.fromhex("fd00" + "0" * 27 + "2")}.get(kind)
    record = known and data
    flags = b"\x85\x80" if known else b"\x85\x83"
    head = query[:2] + flags + b"\0\1" + (b"\0\1" if record else b"\0\0") + b"\0\0\0\0"
    tail = b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data if record else b""
    return head + query[12:end] + tail

replies = {53: answer, 7: lambda data: data, 514: None}
sockets = {}
for port in map(int, sys.argv[1:]):
    one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    one.bind(("::", port))
    sockets[one] = replies[port]
while True:
    for one in select.select(list(sockets), [], [])[0]:
        data, address = one.recvfrom(4096)
        if sockets[one]:
            one.sendto(sockets[one](data), address)
PYTHON
(exec ip netns exec "v$id-bob" python3 "$work/servers.py" 53 7) &
(exec ip netns exec "v$id-carol" python3 "$work/servers.py" 514) &
cat >"$work/echo.py" <<'PYTHON'
import socket, sys
one = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(5)
for size in map(int, sys.argv[2:]):
    one.sendto(bytes(i & 255 for i in range(size)), (sys.argv[1], 7))
    assert len(one.recv(4096)) == size
PYTHON
until_true "bob's HTTP server" sh -c "ip netns exec v$id-bob ss -ltn | grep -q ':80 '"
until_true "bob's name server" sh -c "ip netns exec v$id-bob ss -lun | grep -q ':7 '"
until_true "carol's syslog server" sh -c "ip netns exec v$id-carol ss -lun | grep -q ':514 '"

# --- tcpdump, then the cables ------------------------------------------------------------------------------

at hub ip link add tap type veth peer name tap1
quiet hub tap
quiet hub tap1
at hub ip link set tap1 master hub
at hub ip link set tap1 up
at hub ip link set tap up
(exec ip netns exec "v$id-hub" tcpdump -i tap -s 0 -U --immediate-mode -Z root -w "$work/capture" 2>"$work/tcpdump") &
until_true "tcpdump" grep -q "listening on" "$work/tcpdump"
for name in alice bob carol; do at hub ip link set "$name" up; done

# --- what they say -----------------------------------------------------------------------------------------

say() { # say COUNT TEXT: syslog to carol, who does not answer, so that a bridge does not know where she is
	for i in $(seq "$1"); do
		at alice bash -c "printf '<14>valet: %s %d' '$2' $i >/dev/udp/10.0.0.3/514"
	done
}
say 12 "nobody has heard of the receiver yet"
at alice ping -q -c 4 -i 0.2 10.0.0.2 >/dev/null # ARP, ICMP
for size in 0 512 1472; do at alice ping -q -c 2 -i 0.2 -s "$size" 10.0.0.2 >/dev/null; done
at alice ping -q -c 2 -i 0.2 -s 3000 10.0.0.2 >/dev/null # three fragments each
at alice python3 "$work/echo.py" 10.0.0.2 1 64 512 1400
until_true "IPv6 duplicate address detection" sh -c \
	"! ip -n v$id-alice addr show dev eth0 | grep -q tentative && ! ip -n v$id-bob addr show dev eth0 | grep -q tentative"
at alice ping -q -6 -c 4 -i 0.2 fd00::2 >/dev/null # neighbour discovery, ICMPv6
at alice ping -q -6 -c 2 -i 0.2 -s 1400 fd00::2 >/dev/null
at alice python3 "$work/echo.py" fd00::2 1 64 512 1400
at bob ping -q -c 2 -i 0.2 10.0.0.1 >/dev/null
echo "nameserver 10.0.0.2" >"$work/resolv.conf"
# `ip netns exec` has a mount namespace of its own, so nobody else sees this resolv.conf
resolving="mount --bind '$work/resolv.conf' /etc/resolv.conf &&"
at alice sh -c "$resolving getent ahosts www.valet.test" >/dev/null
at alice sh -c "$resolving getent ahosts nowhere.valet.test" >/dev/null || true # NXDOMAIN
at alice sh -c "$resolving curl -q -4 -sS --noproxy '*' -o '$work/got' http://www.valet.test/numbers.txt"
cmp "$work/got" "$work/www/numbers.txt"
at alice sh -c "$resolving curl -q -6 -sS --noproxy '*' -o '$work/got' http://www.valet.test/few.txt"
cmp "$work/got" "$work/www/few.txt"
at alice curl -q -sS --noproxy '*' http://10.0.0.2:81/ 2>/dev/null || true # refused: RST
if $has_vlan; then
	at alice ping -q -c 3 -i 0.2 10.0.10.2 >/dev/null # ARP, ICMP
	at alice curl -q -sS --noproxy '*' -o /dev/null http://10.0.10.2/few.txt
fi
at carol ping -q -c 3 -i 0.2 10.0.0.1 >/dev/null # carol speaks, and is known from here on
at carol ping -q -c 2 -i 0.2 -p 76616c6574 10.0.0.2 >/dev/null # two stations on the far side of alice
say 8 "carol is known"
at alice ping -q -c 1 -s 42 10.0.0.2 >/dev/null # the last packet: 50 bytes of ICMP
until_true "the last packet" sh -c \
	"tcpdump -r '$work/capture' -n 'icmp[icmptype] == icmp-echoreply and ip[2:2] == 70' 2>/dev/null | grep -q reply"

tcpdump=$(ip netns pids "v$id-hub")
kill -INT $tcpdump
until_true "tcpdump's end" sh -c "! kill -0 $tcpdump"

# --- what it is --------------------------------------------------------------------------------------------

if ! grep -q "^0 packets dropped by kernel" "$work/tcpdump"; then
	echo "record_capture.sh: tcpdump lost packets: run it again" >&2
	exit 1
fi
cp "$work/capture" "$file"
count() { tcpdump -r "$file" -n "$@" 2>/dev/null | wc -l; }
echo "$file: $(stat -c %s "$file") bytes, $(count) packets"
for filter in "arp" "ip" "ip6" "vlan" "vlan and arp" "vlan and ip"; do echo "$filter: $(count "$filter")"; done
