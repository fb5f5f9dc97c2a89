/**
 * A packet socket that hears an interface, in a process of its own.
 *
 * @module
 */

import assert from "node:assert/strict";

const sniffScript = (etherType: number, name: string) =>
  `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("${name}", ${etherType}))
print("ready", flush=True)
while True: print(s.recv(65536).hex(), flush=True)`;

/** What comes to an interface. What it sends, and what is taken before its system has it, is not heard. */
export class Sniffer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(command: readonly string[]) {
    this.#child = new Deno.Command(command[0], { args: command.slice(1), stdout: "piped" }).spawn();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /**
   * Hears the frames of an EtherType from now on.
   *
   * @param inside what runs a command in another network namespace
   */
  static async open(
    etherType: number,
    name: string,
    inside: readonly string[] = [],
  ): Promise<Sniffer> {
    const sniffer = new Sniffer([...inside, "python3", "-c", sniffScript(etherType, name)]);
    await sniffer.lines(1);
    return sniffer;
  }

  /** The first lines that it has printed, when there are so many. */
  async lines(count: number): Promise<string[]> {
    while (this.#text.split("\n").length <= count) {
      this.#text += (await this.#reader.read()).value ?? assert.fail("It has ended");
    }
    return this.#text.split("\n").slice(0, count);
  }

  /** The first frames that it has heard, when there are so many. */
  async frames(count: number): Promise<Uint8Array[]> {
    return (await this.lines(1 + count)).slice(1).map((line) => Uint8Array.fromHex(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.status;
    await this.#reader.cancel();
  }
}
