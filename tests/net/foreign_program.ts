/**
 * eBPF programs of somebody else on an interface, for as long as a process runs: bpf(2) from Python, since no
 * tool that loads them may be there.
 *
 * @module
 */

import assert from "node:assert/strict";

/** What a program does: let all pass, before the system has it; or push a VLAN tag on what is sent. */
export type ForeignProgram = "xdp" | "vlan 5";

// Instructions: Documentation/bpf/standardization/instruction-set.rst of Linux
const HOLD = `
import ctypes, ctypes.util, socket, struct, sys, time
what, name = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes)
    rc = libc.syscall(321, command, buffer, len(attributes))
    if rc < 0: raise OSError(ctypes.get_errno(), 'bpf')
    return rc
def instruction(code, to, value): return struct.pack('<BBhi', code, to, 0, value)
leave = instruction(0x95, 0, 0)
if what == 'xdp':
    kind, attach, code = 6, 37, [instruction(0xb7, 0, 2), leave]
else: # skb_vlan_push(0x8100, 5), and on
    kind, attach = 3, 47
    code = [instruction(0xb7, 2, socket.htons(0x8100)), instruction(0xb7, 3, 5),
        instruction(0x85, 0, 18), instruction(0xb7, 0, -1), leave]
text = ctypes.create_string_buffer(b''.join(code))
license = ctypes.create_string_buffer(b'GPL')
program = bpf(5, struct.pack('<IIQQ', kind, len(code), ctypes.addressof(text), ctypes.addressof(license)).ljust(128, b'\\0'))
link = bpf(28, struct.pack('<IIII', program, socket.if_nametoindex(name), attach, 0).ljust(48, b'\\0'))
print('attached', flush=True)
time.sleep(1000)
`;

/** Attaches one, until it is disposed of. */
export async function foreignProgram(
  namespace: string,
  name: string,
  what: ForeignProgram,
): Promise<AsyncDisposable> {
  const child = new Deno.Command("ip", {
    args: ["netns", "exec", namespace, "python3", "-c", HOLD, what, name],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await reader.read()).value ?? "", /^attached/);
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}
