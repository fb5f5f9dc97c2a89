/** Hooks are built once, kept in a private folder, and refused with the compiler's words. */

import assert from "node:assert/strict";
import { join } from "node:path";

import { type BuildOptions, compile, HookBuildError, hookFromC } from "../../hook/mod.ts";
import { FrameSet } from "./forms.ts";
import { randomFrames } from "./frames.ts";

const PACKET_FORM = `#include "valet_hook.h"
static uint32_t next_port(struct valet_packet *packet, uint32_t source)
{
	packet->ring = valet_u8(packet, 70);
	return valet_u16(packet, 12) == 0x0800 ? source + 1 : (uint32_t)valet_u48(packet, 6);
}
VALET_LOOKUP_PACKET(next_port)
`;
const BATCH_FORM = `#include "valet_hook.h"
static int32_t next_ports(struct valet_batch *batch, void *context)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		struct valet_packet *packet = &batch->packets[i];
		uint64_t station = valet_u48(packet, 6);

		packet->ring = valet_u8(packet, 70);
		packet->destination = valet_u16(packet, 12) == 0x0800 ? batch->source + 1 :
									  (uint32_t)station;
	}
	return context ? -1 : 0;
}
VALET_LOOKUP_BATCH(next_ports)
`;

/** A folder that goes away. */
class Scratch implements Disposable {
  readonly path = Deno.makeTempDirSync();

  /** Files in the cache of built hooks. */
  built(): string[] {
    return [...Deno.readDirSync(this.options.cache)].map(({ name }) => name).sort();
  }

  get options(): { cache: string } {
    return { cache: join(this.path, "valet", "hooks") };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

async function failure(
  hook: Parameters<typeof hookFromC>[0],
  options: BuildOptions,
): Promise<HookBuildError> {
  try {
    await hookFromC(hook, options);
  } catch (error) {
    assert(error instanceof HookBuildError, `${error}`);
    return error;
  }
  return assert.fail("it was built");
}

function test(name: string, run: (scratch: Scratch) => Promise<void>): void {
  Deno.test(name, async () => {
    using scratch = new Scratch();
    await run(scratch);
  });
}

test("hookFromC() builds both forms, which see packets as lookups in TypeScript do", async (scratch) => {
  const set = new FrameSet(randomFrames(5000, 21));
  const expected = set.v8((packet) => {
    packet.ring = packet.u8(70);
    return packet.u16(12) === 0x0800 ? packet.port + 1 : packet.sourceMac % 0x1_0000_0000;
  });
  for (const source of [PACKET_FORM, BATCH_FORM]) {
    const hook = await hookFromC({ source, name: "next.c" }, scratch.options);
    assert.equal(hook.warnings, "");
    assert.equal(hook.name, "next.c");
    const { address, context } = hook.native();
    assert.equal(context, 0n);
    set.assertSame(set.native(address), expected, source);
  }
});

test("hookFromC() builds what it has built before only once, whatever its name", async (scratch) => {
  const first = await hookFromC({ source: PACKET_FORM, name: "a.c" }, scratch.options);
  const modified = Deno.statSync(first.path).mtime;
  const second = await hookFromC({ source: PACKET_FORM, name: "b.c" }, scratch.options);
  assert.equal(second.path, first.path);
  assert.deepEqual(second.native(), first.native());
  assert.deepEqual(Deno.statSync(first.path).mtime, modified);
  const other = await hookFromC({ source: `${PACKET_FORM}\nint more;` }, scratch.options);
  assert.notEqual(other.path, first.path);
  assert.equal(scratch.built().length, 2); // and nothing of the work is left
});

test("hookFromC() keeps what it builds in a folder that nobody else can use", async (scratch) => {
  const { path } = await hookFromC({ source: PACKET_FORM }, scratch.options);
  assert.equal(Deno.statSync(scratch.options.cache).mode! & 0o777, 0o700);
  assert.equal(Deno.statSync(join(scratch.path, "valet")).mode! & 0o777, 0o700);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o700);
});

test("hookFromC() refuses a cache that others can write to", async (scratch) => {
  const { cache } = scratch.options;
  await hookFromC({ source: PACKET_FORM }, scratch.options);
  for (
    const [folder, mode] of [[cache, 0o755], [cache, 0o777], [join(cache, ".."), 0o775]] as const
  ) {
    const before = Deno.statSync(folder).mode! & 0o777;
    Deno.chmodSync(folder, mode);
    const { message } = await failure({ source: PACKET_FORM }, scratch.options);
    assert.match(message, /^Cannot keep hooks (in|below) "/);
    assert.match(message, /\nHint: .*chmod/);
    assert(message.includes(`mode 0${mode.toString(8)}`), message);
    Deno.chmodSync(folder, before);
  }
  assert.equal(scratch.built().length, 1);
});

test("hookFromC() refuses a cache that belongs to somebody else", async (scratch) => {
  const { cache } = scratch.options;
  Deno.mkdirSync(cache, { recursive: true, mode: 0o700 });
  try {
    Deno.chownSync(cache, 65534, null);
  } catch (error) {
    // Only root can give a folder away
    assert(error instanceof Deno.errors.PermissionDenied);
    return;
  }
  const { message } = await failure({ source: PACKET_FORM }, scratch.options);
  assert.match(message, /it belongs to user 65534/);
});

test("hookFromC() builds again what others could have put there", async (scratch) => {
  const { path } = await hookFromC({ source: `${PACKET_FORM}int a;` }, scratch.options);
  Deno.chmodSync(path, 0o777);
  await hookFromC({ source: `${PACKET_FORM}int a;` }, scratch.options);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o700);
});

test("hookFromC() builds again what was cut short", async (scratch) => {
  const source = `${PACKET_FORM}int cut;`;
  const options = scratch.options;
  // In another process, as this one has it loaded then
  const script = `import { hookFromC } from ${
    JSON.stringify(import.meta.resolve("../../hook/mod.ts"))
  };
    console.log((await hookFromC(${JSON.stringify({ source })}, ${
    JSON.stringify(options)
  })).path);`;
  const run = async (): Promise<string> => {
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", script],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  };
  const path = await run();
  const { size } = Deno.statSync(path);
  Deno.truncateSync(path, 100);
  assert.equal(await run(), path);
  assert.equal(Deno.statSync(path).size, size);
});

test("hookFromC() shows the compiler's words with the user's lines", async (scratch) => {
  const source = '#include "valet_hook.h"\n\nint broken(void) { return nothing; }\n';
  const { message, output } = await failure({ source, name: "mine.c" }, scratch.options);
  assert.match(
    message,
    /^Cannot build a hook: "cc" refused it\nmine\.c: .*\nmine\.c:3:27: error: /,
  );
  assert.match(output, /nothing/);
  assert(!output.includes("\x1b"));
  const file = join(scratch.path, "user.c");
  Deno.writeTextFileSync(file, source);
  const fromFile = await failure(file, scratch.options);
  assert(fromFile.output.includes(`${file}:3:27: error: `), fromFile.output);
  const missing = await failure({ source: '#include "absent.h"\n' }, scratch.options);
  assert.match(missing.output, /hook\.c:1:10: fatal error: absent\.h/);
});

test("hookFromC() builds a file with what stands beside it, and again when that changes", async (scratch) => {
  const file = join(scratch.path, "user.c"), header = join(scratch.path, "rule.h");
  Deno.writeTextFileSync(
    file,
    `#include "valet_hook.h"
#include "rule.h"
static uint32_t rule(struct valet_packet *packet, uint32_t source)
{
	(void)packet;
	return source + RULE;
}
VALET_LOOKUP_PACKET(rule)
`,
  );
  const set = new FrameSet(randomFrames(50, 22));
  for (const rule of [1, 2]) {
    Deno.writeTextFileSync(header, `#define RULE ${rule}\n`);
    const hook = await hookFromC(file, scratch.options);
    const expected = set.v8((packet) => (packet.port + rule) >>> 0);
    set.assertSame(set.native(hook.native().address), expected, `rule ${rule}`);
  }
});

test("hookFromC() reports warnings, and a source that exports nothing", async (scratch) => {
  const warned = await hookFromC(
    { source: `${PACKET_FORM}static int unused(void) { return 1; }\n` },
    scratch.options,
  );
  assert.match(warned.warnings, /hook\.c:\d+:12: warning: .unused. defined but not used/);
  const { message } = await failure({ source: "int nothing;\n" }, scratch.options);
  assert.match(message, /does not say what decides\nHint: End it with "VALET_LOOKUP_PACKET/);
});

test("hookFromC() says what is missing without a C compiler", async (scratch) => {
  const options = { ...scratch.options, compiler: "no-such-cc" };
  const { message, output } = await failure({ source: PACKET_FORM }, options);
  assert.match(message, /there is no C compiler "no-such-cc"\nHint: Install one: "apt-get/);
  assert.equal(output, "");
});

test("hookFromC() refuses what is neither a path nor a source", async (scratch) => {
  for (const value of [null, 7, {}, { source: 1 }, { source: "", name: 3 }]) {
    await assert.rejects(hookFromC(value as unknown as string, scratch.options), TypeError);
  }
  for (const name of ["", "../a.c", "/a.c", "-o"]) {
    await assert.rejects(hookFromC({ source: "", name }, scratch.options), RangeError);
  }
});

test("compile() needs no compiler until the hook is set", async (scratch) => {
  const options = { ...scratch.options, compiler: "no-such-cc" };
  const hook = await compile((packet) => packet.port, options);
  assert.throws(() => hook.native(), HookBuildError);
  assert.equal(scratch.built().length, 0);
});

test("compile() builds functions of odd names", async (scratch) => {
  const names = ["*/ #error", "häßlich", "with space", "a".repeat(300), "-o"];
  for (const name of names) {
    const hooks = { [name]: (packet: { port: number }) => packet.port };
    const hook = await compile(hooks[name], scratch.options);
    assert.equal(hook.name, name);
    assert.equal(typeof hook.native().address, "bigint");
  }
});
