/** Hooks from object files: put together by hand, and compiled by clang where there is one. */

import assert from "node:assert/strict";

import { Netmap, NetmapError } from "../../mod.ts";
import { BpfLoadError, type BpfMap } from "../../hook/bpf.ts";
import { HookBuildError, hookFromObject, type ObjectHook } from "../../hook/mod.ts";
import { ModuleResult } from "../../hook/ebpf_result.ts";
import { ebpfTest } from "./ebpf_form.ts";
import { clang, clangProblem, elfOf, handMade, numbers, symbolSections } from "./object_file.ts";

function clangTest(name: string, body: () => Promise<void>): void {
  ebpfTest(name, body, clangProblem);
}

/** What a hook's program says of a packet. */
function decide(hook: ObjectHook, packet: Uint8Array<ArrayBuffer> = new Uint8Array(60)): number {
  return hook.kernel().run(packet).result;
}

function put(map: BpfMap, key: number, value: number): void {
  map.set(numbers(4, key), numbers(4, value));
}

/** The error of a file that cannot be used. */
async function refused(
  file: string | Uint8Array,
  options?: Parameters<typeof hookFromObject>[1],
): Promise<string> {
  try {
    await hookFromObject(file, options);
  } catch (error) {
    assert(error instanceof HookBuildError, String(error));
    return error.message;
  }
  assert.fail("Nothing was thrown");
}

ebpfTest("hookFromObject(): a program with a map that the script shares", async () => {
  const hook = await hookFromObject(handMade());
  assert.equal(hook.name, "choose");
  assert.deepEqual(Object.keys(hook.maps), ["ports"]);
  assert.equal(decide(hook), 0, "an array's entries are there, and 0");
  put(hook.maps.ports, 0, 7);
  assert.equal(decide(hook), 7);
  assert.equal(hook.kernel(), hook.kernel());
  assert.match(Deno.inspect(hook), /^ObjectHook choose$/);
});

ebpfTest(
  "hookFromObject() with the results of XDP: passed is learned, the rest is dropped",
  async () => {
    const hook = await hookFromObject(handMade(), { results: "xdp" });
    const learn = 256, drop = 255, garbage = ModuleResult.GARBAGE;
    for (const [xdp, result] of [[0, garbage], [1, drop], [2, learn], [3, garbage], [4, garbage]]) {
      put(hook.maps.ports, 0, xdp);
      assert.equal(decide(hook), result, `XDP result ${xdp}`);
    }
  },
);

Deno.test("a hook from an object file is refused where no kernel runs it, with what to do", async () => {
  const hook = await hookFromObject(handMade());
  using netmap = Netmap.open({ backend: "embedded", instance: "object" });
  using _port = netmap.open("vale0:a@conf:slots=64");
  const bridge = netmap.bridge("vale0");
  assert.throws(() => bridge.lookup = hook, (error) => {
    assert(error instanceof NetmapError);
    assert.equal(error.code, "EOPNOTSUPP");
    assert.match(error.message, /Hint: The hook "choose" is eBPF, which only bridges of netmap's/);
    return true;
  });
  assert.equal(bridge.lookup, "learning");
});

Deno.test("hookFromObject() says what is wrong with a file", async () => {
  const good = handMade();
  const patched = (at: number, value: number): Uint8Array => {
    const bytes = good.slice();
    bytes[at] = value;
    return bytes;
  };
  const empty = elfOf(symbolSections([], 2));
  const outside = elfOf([
    { name: "xdp", type: 1, flags: 4, bytes: numbers(8, 0x95) },
    ...symbolSections([["f", 2, 1, 0], ["g", 2, 1, 0]], 3),
  ]);
  const cases: [Uint8Array | string, RegExp][] = [
    ["/nowhere/hook.o", /"\/nowhere\/hook\.o": there is no such file/],
    [new Uint8Array(10), /it is no ELF file/],
    [new Uint8Array(1000), /it is no ELF file/],
    [patched(4, 1), /it is for 32-bit machines/],
    [patched(5, 2), /it is for big-endian machines/],
    [patched(18, 62), /it is for another machine than eBPF \(ELF machine 62\)/],
    [patched(16, 2), /it is linked already/],
    [good.slice(0, good.length - 100), /it ends too early, or is damaged/],
    [empty, /it has no program: give a function a section, as SEC\("xdp"\)/],
    [outside, /several programs, name one of them: "f" \(section "xdp"\), "g" \(section "xdp"\)/],
    [handMade({ entries: 0 }), /its map "ports" has no max_entries/],
    [handMade({ target: 0 }), /it uses "ports", which is not in it/],
    [handMade({ target: 4 }), /it uses its section "license", which is neither maps nor data/],
  ];
  for (const [file, message] of cases) assert.match(await refused(file), message);
  assert.match(await refused(good, { program: "nobody" }), /has no program "nobody"; there are/);
  assert.match(await refused(new Uint8Array(10)), /Hint: Object files are made with "clang -O2 -g/);
  await assert.rejects(hookFromObject(7 as never), /Cannot use 7 as an object file/);
  await assert.rejects(hookFromObject(good, { results: "no" as never }), TypeError);
});

Deno.test("hookFromObject() survives files in which any byte is another one", async () => {
  const good = handMade();
  for (let at = 0; at < good.length; at++) {
    for (const value of [0, 0x7f, 0xff]) {
      const bytes = good.slice();
      bytes[at] = value;
      await hookFromObject(bytes).catch((error) => {
        assert(error instanceof HookBuildError, `byte ${at}: ${error.stack}`);
      });
    }
  }
});

clangTest(
  "an object file of clang's: maps, variables, functions of its own, constants",
  async () => {
    const hook = await hookFromObject(clang(`
    struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16);
             __type(key, __u32); __type(value, __u64); } routes SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1);
             __uint(key_size, 4); __uint(value_size, 4); } each SEC(".maps");
    static const volatile __u32 otherwise = 9;
    static volatile __u32 seen;
    static __attribute__((noinline)) __u32 twice(__u32 value) { return 2 * value; }
    SEC("xdp") int route(struct xdp_md *context)
    {
      __u32 port = context->rx_queue_index, zero = 0;
      __u64 *to = lookup(&routes, &port);
      __u32 *own = lookup(&each, &zero);
      seen++;
      if (own) ++*own;
      return to ? twice(*to) : otherwise;
    }
    char text[] SEC("license") = "GPL";
  `));
    assert.equal(hook.name, "route");
    assert.equal(decide(hook), 9);
    hook.maps.routes.set(numbers(4, 0), numbers(8, 21));
    assert.equal(decide(hook), 42);
    const seen = new Uint8Array(4), each = new Uint8Array(hook.maps.each.valueBytes);
    assert(hook.maps[".bss"].get(numbers(4, 0), seen));
    assert.deepEqual(seen, numbers(4, 2));
    assert(hook.maps.each.get(numbers(4, 0), each));
    assert.equal(new Uint32Array(each.buffer).reduce((sum, value) => sum + value), 2);
  },
);

clangTest(
  "an object file with several programs: one is chosen by function or section",
  async () => {
    const file = clang(`
    SEC("xdp") int one(struct xdp_md *context) { return 1; }
    SEC("xdp") int two(struct xdp_md *context) { return 2; }
    SEC("xdp/three") int other(struct xdp_md *context) { return 3; }
  `);
    assert.equal(decide(await hookFromObject(file, { program: "one" })), 1);
    assert.equal(decide(await hookFromObject(file, { program: "two" })), 2);
    assert.equal(decide(await hookFromObject(file, { program: "xdp/three" })), 3);
    assert.match(
      await refused(file),
      /several programs, name one of them: "one" \(section "xdp"\)/,
    );
    assert.match(await refused(file, { program: "xdp" }), /several programs/);
  },
);

clangTest("an object file that cannot be used says why", async () => {
  const map = (fields: string): Uint8Array =>
    clang(`
      struct { ${fields} } map SEC(".maps");
      SEC("xdp") int f(struct xdp_md *context) { __u32 k = 0; return lookup(&map, &k) != 0; }
    `);
  const sizes = "__type(key, __u32); __type(value, __u32);";
  const cases: [Uint8Array, RegExp][] = [
    [map(`__uint(max_entries, 1); ${sizes}`), /its map "map" has no type/],
    [map(`__uint(type, BPF_MAP_TYPE_HASH); ${sizes}`), /its map "map" has no max_entries/],
    [
      map(`__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 1); ${sizes}`),
      /is a map of maps/,
    ],
    [
      map(`__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __uint(pinning, 1); ${sizes}`),
      /is to be pinned/,
    ],
    [clang('int g(void); SEC("xdp") int f(void *c) { return g(); }'), /it uses "g", which is not/],
    [
      clang(`
        struct iphdr2 { int ttl; } __attribute__((preserve_access_index));
        SEC("xdp") int f(struct iphdr2 *c) { return c->ttl; }
      `),
      /it has CO-RE relocations/,
    ],
  ];
  for (const [file, message] of cases) assert.match(await refused(file), message);
  const unnamed = clang(
    `struct { ${sizes} } map SEC(".maps");
     SEC("xdp") int f(void *c) { __u32 k = 0; return lookup(&map, &k) != 0; }`,
    "-g0",
  );
  assert.match(await refused(unnamed), /does not say what its maps are like: compile it with -g/);
});

clangTest("an object file that the verifier refuses: the error has its words", async () => {
  const hook = await hookFromObject(clang(`
    SEC("xdp") int f(struct xdp_md *context) { return *(char *)(long)context->data; }
  `));
  assert.throws(() => hook.kernel(), (error) => {
    assert(error instanceof BpfLoadError);
    assert.match(error.message, /Hint: The verifier says: .*outside of the packet/);
    return true;
  });
});
