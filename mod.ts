/**
 * valet scripts netmap and VALE from TypeScript: bridges, ports and packets, on the kernel's netmap
 * or on valet's own.
 *
 * @example
 * ```ts
 * import { BROADCAST, Netmap, PacketTemplate } from "@valet/valet";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "hello" });
 * using a = netmap.open("vale0:a");
 * using b = netmap.open("vale0:b");
 * using bridge = netmap.bridge("vale0");
 *
 * bridge.lookup = (packet) => packet.isIpv4 ? packet.port + 1 : BROADCAST;
 * a.send(PacketTemplate.udp({ src: "10.0.0.1:1234", dst: "10.1.0.1:1234" }), { count: 3 });
 * for (const packet of b.receive()) console.log(`${packet}`);
 * ```
 *
 * @module
 */

export type { AttachOptions, DeviceKind } from "./ffi/attach.ts";
export type { InterfaceChoice } from "./ffi/interface_option.ts";
export { Bridge, type LookupOptions } from "./ffi/bridge.ts";
export {
  BridgeConfig,
  CONFIG_BYTES,
  type ConfigHandler,
  type ServeConfigOptions,
} from "./ffi/config.ts";
export type { BatchesOptions } from "./ffi/batches.ts";
export {
  BROADCAST,
  DROP,
  LEARN,
  MAX_FRAGMENTS,
  RegisterMode,
  RingFlag,
  SlotFlag,
} from "./ffi/constants.ts";
export {
  askDaemon,
  askDaemonAsync,
  type AskOptions,
  type DaemonAnswer,
  type DaemonFailure,
  daemonPath,
  type DaemonQuestion,
  DaemonServer,
  type DaemonServerOptions,
  type DaemonStatus,
  type DaemonSuccess,
  type PendingQuestion,
  type QuestionsOptions,
} from "./ffi/daemon.ts";
export type { BackendName } from "./ffi/descriptor.ts";
export type { LibraryDownload } from "./ffi/download.ts";
export { type ErrorContext, NetmapError } from "./ffi/errors.ts";
export { ExtraBuffers } from "./ffi/extra_buffers.ts";
export {
  type BridgeInfo,
  DROP_CAUSES,
  type DropCause,
  type InterfaceInfo,
  type PoolInfo,
  type PoolsInfo,
  type PortCounters,
  type PortEntry,
  type PortInfo,
  type TableEntry,
} from "./ffi/info.ts";
export { libraryPath } from "./ffi/library_path.ts";
export type { KernelLookupCounters, KernelLookupStatus } from "./ffi/kernel_lookup.ts";
export type {
  BatchLookup,
  KernelProgram,
  Lookup,
  NativeFunction,
  NativeLookup,
} from "./ffi/lookup.ts";
export { LookupBatch } from "./ffi/lookup_batch.ts";
export { LookupTable, type LookupTableOptions, type TableKey } from "./ffi/lookup_table.ts";
export type { KeyBits, TableHome, TableKind, TableLayout } from "./ffi/table_home.ts";
export { type PortMemory, portMemory, type PortShape } from "./ffi/memory.ts";
export {
  type ExternalMemory,
  MemoryFile,
  type MemoryFileOptions,
  type MemorySource,
} from "./ffi/memory_file.ts";
export type { MemoryParameters, MemoryState, PoolName } from "./ffi/memory_parameters.ts";
export {
  type InterfaceOptions,
  Netmap,
  type NetmapOptions,
  type PrepareOptions,
} from "./ffi/netmap.ts";
export type { OffsetOptions } from "./ffi/offset_option.ts";
export type { PortOptions } from "./ffi/open_port.ts";
export { LookupPacket, Packet } from "./ffi/packet.ts";
export { PacketStore, type PacketStoreOptions, type StoredPacket } from "./ffi/packet_store.ts";
export { Port } from "./ffi/port.ts";
export type { RingCounts } from "./ffi/port_rings.ts";
export {
  formatPortName,
  parsePortName,
  type PortConfig,
  type PortExtmem,
  type PortFlags,
  type PortName,
  type PortOffset,
  type PortParts,
  type PortPipe,
} from "./ffi/port_name.ts";
export { PacketBatch } from "./ffi/packet_batch.ts";
export { ReceiveLoop, type ReceiveOptions } from "./ffi/receive.ts";
export { Region } from "./ffi/region.ts";
export { Ring, RxRing } from "./ffi/ring.ts";
export type { Sendable, SendAllOptions, SendOptions } from "./ffi/send.ts";
export { SyncLoop, type SyncLoopOptions } from "./ffi/sync_loop.ts";
export { Tap, type TapOptions } from "./ffi/tap.ts";
export { TxRing } from "./ffi/tx_ring.ts";
export type { WaitOptions } from "./ffi/wait.ts";

export * as arp from "./packet/arp.ts";
export * as ethernet from "./packet/ethernet.ts";
export * as icmp from "./packet/icmp.ts";
export * as ipv4 from "./packet/ipv4.ts";
export * as ipv6 from "./packet/ipv6.ts";
export * as tcp from "./packet/tcp.ts";
export * as udp from "./packet/udp.ts";
export * as vlan from "./packet/vlan.ts";

export {
  BROADCAST_MAC,
  type Endpoint,
  formatEndpoint,
  formatIpv4,
  formatIpv6,
  formatMac,
  parseEndpoint,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "./packet/address.ts";
export { CaptureError } from "./packet/byte_queue.ts";
export { CapturedPacket, type CaptureRecord } from "./packet/captured_packet.ts";
export { CaptureReader, readCapture, readCaptureStream } from "./packet/capture_reader.ts";
export {
  type CaptureEncoderOptions,
  CaptureEncoderStream,
  type CaptureWriterOptions,
  writeCapture,
} from "./packet/capture_writer.ts";
export {
  checksum,
  type ChecksumReport,
  fillChecksums,
  onesComplementSum,
  pseudoHeaderSum,
  updateChecksum,
  updateChecksum32,
  verifyChecksums,
} from "./packet/checksum.ts";
export { formatDuration, formatRate } from "./packet/format.ts";
export { hexdump, type HexdumpOptions } from "./packet/hexdump.ts";
export { Histogram, type HistogramBucket, type HistogramOptions } from "./packet/histogram.ts";
export { PacketHeaders } from "./packet/packet_headers.ts";
export { PacketView } from "./packet/packet_view.ts";
export { PcapWriter, type PcapWriterOptions } from "./packet/pcap_writer.ts";
export {
  type PcapngInterface,
  PcapngWriter,
  type PcapngWriterOptions,
} from "./packet/pcapng_writer.ts";
export { ProtocolCounter, type ProtocolCounts } from "./packet/protocol_counter.ts";
export { EtherType, IcmpType, LinkType, Protocol, TcpFlag } from "./packet/protocols.ts";
export {
  Counter,
  ETHERNET_OVERHEAD,
  Rate,
  type RateOptions,
  type RateSample,
} from "./packet/rate.ts";
export { summary } from "./packet/summary.ts";
export { PacketTemplate } from "./packet/template.ts";
export type {
  ArpOptions,
  EthernetOptions,
  IcmpEchoOptions,
  IpOptions,
  PayloadVariation,
  RawOptions,
  TcpOptions,
  UdpOptions,
  VaryOptions,
} from "./packet/template_options.ts";
export {
  type FieldValue,
  increment,
  list,
  random,
  type RandomOptions,
  range,
  type Variation,
  type VariationOptions,
} from "./packet/variation.ts";
