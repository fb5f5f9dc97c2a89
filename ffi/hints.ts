/**
 * What helps against which error. Pure: looks only at what it is given.
 *
 * @module
 */

import type { ErrorContext } from "./errors.ts";

type Hint = string | ((context: ErrorContext) => string | undefined);

const ENGINE_ONLY: Hint = ({ backend }) =>
  backend === "kernel"
    ? 'The kernel does not have this; valet\'s own engine does: Netmap.open({ backend: "embedded" })'
    : undefined;

const NO_BRIDGE = "A bridge exists while it has ports: open or attach one first; " +
  "netmap.ports() lists what is there";

const EXCLUSIVE = "The bridge is exclusive: show its token, netmap.bridge(name, { token })";
const NO_INTERFACE = 'There is no such interface: "ip link" lists those of the system, and ' +
  "netmap.createInterface() makes one";

const GONE = "The network interface does not exist any more: close the port";

const NO_PACKETS =
  'This system lets nobody have packet sockets (CONFIG_PACKET, seccomp); { device: "tap" } needs none';

const MERGES: Hint = ({ port = "" }) =>
  "The interface merges the packets that it receives (large receive offload), and such packets " +
  `cannot be passed on: turn that off, "ethtool -K ${port.replace(/^.*:/, "")} lro off"`;

const NO_DAEMON = 'No daemon runs: "valet daemon start" starts one, and so does any command of ' +
  'valet; { backend: "embedded" } needs none';
const OTHER_DAEMON = 'The daemon is of another version of valet: "valet daemon stop" it';

/** "eth1" of "vale0:eth1". */
function interfaceOf(port: string = ""): string {
  return port.slice(port.indexOf(":") + 1);
}

/** "operation code", or "* code" for all operations that have no line of their own. */
const HINTS: Readonly<Record<string, Hint>> = {
  "open netmap ENOENT":
    'The netmap module is not loaded ("modprobe netmap"); { backend: "embedded" } needs no module',
  "open netmap EACCES": '/dev/netmap is for root: run as root, or "chmod 666 /dev/netmap"; ' +
    '{ backend: "embedded" } needs no privileges',
  "open netmap ENODEV":
    'The netmap module is not loaded ("modprobe netmap"); { backend: "embedded" } needs no module',
  "open netmap ENXIO":
    'The netmap module is not loaded ("modprobe netmap"); { backend: "embedded" } needs no module',
  "open netmap EOPNOTSUPP":
    "This build of the library does not have that backend; see netmap.reason",
  "open netmap EINVAL":
    'The backend, here or in VALET_BACKEND, is "auto", "kernel", "daemon" or "embedded"',
  "open netmap EPROTO": OTHER_DAEMON,
  "open daemon ENOENT": NO_DAEMON,
  "open daemon ECONNREFUSED": NO_DAEMON,
  "open daemon EACCES":
    "The daemon that listens there is another user's: see VALET_SOCKET and XDG_RUNTIME_DIR",
  "open daemon EPROTO": OTHER_DAEMON,

  "open EBUSY": ({ port = "", backend }) =>
    "Somebody has one of its rings open exclusively, or it is open and exclusive use was asked for" +
    (port.startsWith("vale") ? "" : "; or the interface is attached to a bridge" +
      (backend === "embedded" ? ", or another process has it: a daemon shares it" : "")),
  "open ENXIO": ({ port = "", backend }) =>
    port.startsWith("vale")
      ? "There is no such port or ring"
      : 'There is no such network interface ("ip link" lists them, in this network namespace), or ' +
        "no such ring" +
        (backend === "kernel" ? "" : "; netmap.createInterface() makes one of the switch's own"),
  "open EINVAL": ({ port = "" }) =>
    "A monitor needs the port to be open already. Else the port does not have what was asked for: " +
    "VALE ports have no host rings; a ring index must be below the number of rings; a memory region " +
    "must exist" +
    (port.startsWith("vale")
      ? ""
      : "; an interface must be an Ethernet, and its frames must fit in a buffer: " +
        `"ip link set ${port} mtu 2048", or netmap.setMemoryParameters({ bufSize: 16384 })`),
  "open ENOENT": 'There is no such network namespace: "ip netns" lists those with a name',
  "open EPERM":
    "The interfaces of the system are for root (CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF): " +
    "run as root; with a daemon, that one: sudo valet daemon start",
  "open ENOMEM": ({ need, backend }) =>
    (need === undefined ? "" : `${need}. `) + "Fewer slots or rings need fewer buffers: " +
    '"vale0:a@conf:slots=256"; netmap.setMemoryParameters() makes regions larger' +
    (backend === "kernel"
      ? ". A name of more than 15 characters on either side of the colon, more than 8 bridges " +
        "(max_bridges) or 252 ports give this error too"
      : ""),
  "open EOPNOTSUPP": ({ port = "", backend }) =>
    "This backend does not know one of the options in the name" +
    (port.startsWith("vale") || backend === "kernel"
      ? ""
      : "; or this kernel or interface cannot be reached that way: packet sockets take Linux 6.6, " +
        "host rings take TAP interfaces (/dev/net/tun)"),
  "open EEXIST": "The name is taken by something that is not such a port",
  "open EAFNOSUPPORT": NO_PACKETS,
  "attach EAFNOSUPPORT": NO_PACKETS,
  "attach EPROTONOSUPPORT":
    'There are no TAP interfaces here (no /dev/net/tun): "modprobe tun". The host\'s side takes one too: ' +
    "without it an interface is attached with what there is",
  "open EMSGSIZE": MERGES,
  "attach EMSGSIZE": MERGES,
  "open EMFILE": 'The process has too many open files: close some, or raise "ulimit -n"',

  "create EEXIST":
    "An interface of that name exists: netmap.removeInterface() it, or take another name",
  "create EINVAL": 'The name is that of an interface, without "vale0:", of at most 15 characters',
  "create ENOMEM": ({ need }) =>
    (need === undefined ? "" : `${need}. `) + "Fewer slots or rings need fewer buffers",
  "configure EINVAL":
    "There is no such bridge, or nobody takes its messages: see bridge.config.serve(); " +
    "or that is the receiver's answer",
  "configure ETIMEDOUT": "Whoever takes the bridge's messages does not answer",
  "serve EOPNOTSUPP": ENGINE_ONLY,
  "serve ENXIO": NO_BRIDGE,
  "serve ESTALE": "Another script takes the bridge's messages now",
  "serve EACCES": EXCLUSIVE,
  "create bridge EEXIST": "A bridge of that name exists: it has ports, or is exclusive already",
  "create bridge ENOMEM": "There can be no more bridges",
  "create bridge EOPNOTSUPP": ENGINE_ONLY,
  "use bridge EACCES": "That is not the token of this bridge, or it is not exclusive",
  "use bridge ENXIO": NO_BRIDGE,
  "destroy bridge EBUSY": "It has ports: close or detach them first",
  "destroy bridge EACCES": EXCLUSIVE,
  "destroy bridge EINVAL": "It is not exclusive: it goes with its last port",
  "destroy bridge ENXIO": NO_BRIDGE,
  "attach EACCES": EXCLUSIVE,
  "detach EACCES": EXCLUSIVE,
  "lookup EACCES": EXCLUSIVE,
  "change EACCES": EXCLUSIVE,
  "remove ENXIO": "There is no persistent interface of that name",
  "remove EBUSY": "It is attached to a bridge or open: detach it and close its ports first",

  "attach ENXIO": NO_INTERFACE,
  "attach EBUSY": "It is attached to a bridge already, here or in another process, or open",
  "attach ENOMEM": "The bridge has no room for more ports, or there can be no more bridges",
  "attach EINVAL": NO_INTERFACE,
  "attach ENOENT": 'There is no such network namespace: "ip netns" lists those with a name',
  "attach EPERM":
    "The interfaces of the system are for root (CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF): " +
    "run as root; with a daemon, that one: sudo valet daemon start",
  "attach EPFNOSUPPORT":
    "The kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): leave the device out, " +
    'or take { device: "af_packet" }',
  "attach EEXIST": ({ port }) =>
    `The interface has another XDP program: end the program that it belongs to, or "ip link set ${
      interfaceOf(port)
    } xdp off"; { device: "af_packet" } needs none`,
  "attach ERANGE": ({ port }) =>
    `The MTU is more than AF_XDP or the driver takes: "ip link set ${
      interfaceOf(port)
    } mtu 3498", for veth at its other end too; { device: "af_packet" } takes any`,
  "attach ENOSPC": ({ port }) =>
    "XDP needs as many receive queues as the other end of the veth pair has for sending: " +
    `"ethtool -L ${interfaceOf(port)} rx N" here, or "ethtool -L PEER tx 1" there; ` +
    '{ device: "af_packet" } needs none of it',
  "attach ENOPROTOOPT": ({ port }) =>
    "AF_XDP would lose VLAN tags that the interface takes off, or frames that it puts together: " +
    `"ethtool -K ${interfaceOf(port)} gro off rxvlan off"; { device: "af_packet" } loses none`,
  "attach EOPNOTSUPP":
    "It is no Ethernet interface, or this kernel or interface cannot be reached that way: packet " +
    'sockets take Linux 6.6, the host\'s side with af_xdp a driver that has XDP; { device: "tap" } works on all',
  "attach socket EADDRINUSE":
    "Another program, or port, has that socket; or it is no socket at all",
  "attach socket EACCES":
    "Who runs the engine may not write to that folder, or to the peer's socket; or the bridge is " +
    "exclusive: open it with its token",
  "attach socket ENOENT": "There is no such folder: make it first",
  "attach socket EBUSY": "The bridge has a port of that name: choose another, it is free",
  "attach socket EEXIST": "An interface has that name: choose another, it is free",
  "attach socket ENOMEM": "The bridge has no room for more ports, or there can be no more bridges",
  "attach socket EPROTOTYPE":
    'The peer\'s socket is of another kind: try the other of "stream", "dgram"',
  "attach socket ENOTSOCK": "The peer's path is that of something else",
  "attach socket EINVAL": "A port's name has 1 to 15 characters; a bridge's begins with vale",
  "attach socket EOPNOTSUPP": ENGINE_ONLY,
  "detach ENXIO": ({ backend }) =>
    "There is no such port on the bridge; netmap.ports() lists what is there" +
    (backend === "kernel"
      ? ". netmap's module also answers this for a persistent port that was opened before (its " +
        "issue 882): such a port stays until the module is unloaded"
      : ""),
  "detach ENOENT": NO_BRIDGE,
  "detach EBUSY":
    "It is in use: close its ports first. A port that open() made leaves when it is closed",
  "detach EINVAL": ({ port = "" }) =>
    port.endsWith("^")
      ? "The host's side leaves with its NIC: detach that"
      : "A port that open() made leaves when it is closed",

  "find ENXIO": "There is no such port on the bridge; netmap.ports() lists what is there",
  "find ENOENT": NO_BRIDGE,
  "find EINVAL": 'The name of a port of a bridge is like "vale0:vi0"',

  "start polling on ENXIO":
    "There is no such port on the bridge; netmap.ports() lists what is there",
  "start polling on EINVAL":
    "The CPUs are numbered from 0, and all of them cannot poll: one has to " +
    "be left; one CPU a ring needs as many rings",
  "start polling on EOPNOTSUPP": "Only network interfaces of the system can be polled",
  "start polling on EFAULT": "It is being polled already",
  "stop polling on ENXIO":
    "There is no such port on the bridge; netmap.ports() lists what is there",
  "stop polling on EFAULT": "It is not being polled",
  "stop polling on EOPNOTSUPP": "Only network interfaces of the system can be polled",

  "read ENOENT": NO_BRIDGE,
  "read ENXIO": NO_BRIDGE,
  "read EOPNOTSUPP": ENGINE_ONLY,
  "counters EOPNOTSUPP": ENGINE_ONLY,
  "counters ENXIO": "There is no such port; netmap.ports() lists those on bridges",
  "lookup ENOENT": NO_BRIDGE,
  "lookup ENXIO": NO_BRIDGE,
  "lookup EOPNOTSUPP": ({ backend }) =>
    backend === "kernel"
      ? 'A lookup in TypeScript needs valet\'s own engine: Netmap.open({ backend: "embedded" })'
      : "A compiled hook runs in the process that has the engine: set the function itself, or use " +
        'Netmap.open({ backend: "embedded" })',
  "change EOPNOTSUPP": ENGINE_ONLY,
  "change ENXIO": NO_BRIDGE,
  "change ENOENT": NO_BRIDGE,
  "describe ENXIO": "There is no such port or interface",
  "describe ENOENT": "There is no such port or interface",

  "poll EIO": ({ port = "" }) =>
    (port.startsWith("vale") ? "" : `${GONE}. Or: `) +
    "The port that a monitor watched has been closed: open both again. Or head or cur of a ring was " +
    "not legal, so the ring was put back to where netmap has it: only slots from head to tail - 1 " +
    "may be passed",
  "receive EIO": ({ port = "" }) =>
    port.startsWith("vale")
      ? "The port that this monitor watched has been closed: open both again"
      : `${GONE}. A monitor says so also when the port that it watches has been closed`,
  "send EIO": ({ port = "" }) =>
    (port.startsWith("vale") ? "" : `${GONE}. Or: `) +
    "Nothing can be sent on a monitor: open the port itself",
  "send EBUSY":
    "Another thread is sending from the same ring, inside the bridge's lookup; what was put into the " +
    "ring is sent with the next sync",
  "* ECANCELED":
    "The bridge's lookup failed; its packets are dropped and counted. If the lookup was set in " +
    "another Worker, that Worker has the error",
  "* EDEADLK":
    "A lookup only reads its packets: send, sync and change things after it has returned",
  "* ECONNRESET": "The daemon has ended, and all ports of this process with it: open them again",
  "* EPERM": "Run as root",
  "* EACCES": "Run as root",
};

/**
 * What helps when an operation failed.
 *
 * @param operation as in {@linkcode NetmapError}
 * @param code name of the error
 * @returns undefined when nothing is known that the message does not say
 */
export function hintFor(
  operation: string,
  code: string,
  context: ErrorContext,
): string | undefined {
  const isNetmap = context.port === "netmap" || context.port === "/dev/netmap";
  const isDaemon = context.port === "the daemon";
  const what = operation !== "open"
    ? operation
    : isNetmap
    ? "open netmap"
    : isDaemon
    ? "open daemon"
    : operation;
  const hint = HINTS[`${what} ${code}`] ?? HINTS[`* ${code}`];
  return typeof hint === "function" ? hint(context) : hint;
}
