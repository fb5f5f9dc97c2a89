/**
 * What `valet view` tells its page: values that JSON has.
 *
 * Types only.
 *
 * @module
 */

/** All that the page shows, each time anew. */
export interface ViewState {
  /** When it was, in milliseconds since 1970. */
  readonly timeMs: number;
  /** Whose bridges these are; undefined while there is a problem. */
  readonly backend?: "kernel" | "daemon" | "embedded" | undefined;
  /** Why nothing is shown: the daemon does not run, for example. */
  readonly problem?: string | undefined;
  /** The rates are of so many seconds; 0: there are none yet. */
  readonly seconds: number;
  /** Packets are counted: not on the kernel. */
  readonly counts: boolean;
  /** Why hooks are not shown, or not as they are now. */
  readonly hookProblem?: string | undefined;
  /** The bridges, by name. */
  readonly bridges: readonly ViewBridge[];
  /** Hooks whose bridge does not exist. */
  readonly waiting: readonly ViewHook[];
}

/** A bridge. */
export interface ViewBridge {
  /** "vale0"; "" stands for none: its ports are persistent interfaces that are on no bridge. */
  readonly name: string;
  /** What decides there; undefined on the kernel, which does not tell. */
  readonly lookup?: "learning" | "native" | "script" | undefined;
  /** The hook that is loaded for it. */
  readonly hook?: ViewHook | undefined;
  /** Its ports, by index. */
  readonly ports: readonly ViewPort[];
  /** The forwarding table; undefined on the kernel, which does not show it. */
  readonly table?: ViewTable | undefined;
}

/** A port. */
export interface ViewPort {
  /** "vi0" */
  readonly name: string;
  /** Index on its bridge; undefined when it is on none. */
  readonly index?: number | undefined;
  /** What it has counted; undefined on the kernel. */
  readonly counters?: ViewCounters | undefined;
  /** What a second adds; undefined before there are two samples. */
  readonly rates?: ViewRates | undefined;
}

/** A port's counters, since it was made. */
export interface ViewCounters {
  /** "ephemeral", "persistent", "nic" ... */
  readonly kind: string;
  /** What an interface of the system is reached through. */
  readonly device?: string | undefined;
  /** Descriptors that have it open. */
  readonly opens: number;
  /** Packets taken from it. */
  readonly txPackets: number;
  /** Their bytes. */
  readonly txBytes: number;
  /** Packets put into it. */
  readonly rxPackets: number;
  /** Their bytes. */
  readonly rxBytes: number;
  /** Packets lost. */
  readonly dropped: number;
  /** Why: those causes that there were, the most frequent first. */
  readonly causes: readonly (readonly [cause: string, packets: number])[];
}

/** What a second adds. */
export interface ViewRates {
  /** Packets sent. */
  readonly txPackets: number;
  /** Bits sent. */
  readonly txBits: number;
  /** Packets received. */
  readonly rxPackets: number;
  /** Bits received. */
  readonly rxBits: number;
  /** Packets lost. */
  readonly dropped: number;
}

/** A forwarding table. */
export interface ViewTable {
  /** Stations in it. */
  readonly stations: number;
  /** Most stations. */
  readonly buckets: number;
  /** A station that is silent for so many milliseconds is forgotten; 0: never. */
  readonly ageingMs: number;
  /** The first of them. */
  readonly entries: readonly ViewStation[];
}

/** A station of a forwarding table. */
export interface ViewStation {
  /** "02:00:00:00:00:01" */
  readonly mac: string;
  /** Index of its port. */
  readonly port: number;
  /** Milliseconds since it was heard; 0 unless the bridge forgets silent stations. */
  readonly ageMs: number;
}

/** A hook. */
export interface ViewHook {
  /** "vale0" */
  readonly bridge: string;
  /** Its file, or the kernel's name for it. */
  readonly file: string;
  /** "TypeScript", "compiled", "C", "eBPF" */
  readonly form: string;
  /** "active", "waiting" ... */
  readonly state: string;
  /** Since when: "2026-01-31T23:59:59.123Z"; "" where nobody knows. */
  readonly since: string;
  /** Packets that it was asked about. */
  readonly packets: number;
  /** How many a second adds; undefined before it was asked twice. */
  readonly packetsPerSecond?: number | undefined;
  /** Times that it failed. */
  readonly errors: number;
  /** How, the last time. */
  readonly lastError?: string | undefined;
  /** Calls of it; undefined where nobody counts them. */
  readonly batches?: number | undefined;
  /** Milliseconds in it; undefined likewise. */
  readonly busyMs?: number | undefined;
  /** What it says about itself, as JSON; or why that is not known. */
  readonly own?: string | undefined;
  /** Its tables, a line each. */
  readonly tables: readonly string[];
}
