/**
 * A client for a Jupyter kernel, as far as it takes to execute cells: the kernel runs in a process of its own,
 * and is spoken to over ZeroMQ's ZMTP 3.0 (https://rfc.zeromq.org/spec/23/), in messages of Jupyter's protocol
 * (https://jupyter-client.readthedocs.io/en/stable/messaging.html).
 */

import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const encoder = new TextEncoder(), decoder = new TextDecoder();
const MORE = 1, LONG = 2, COMMAND = 4;
const DELIMITER = "<IDS|MSG>";
/** Longest time that a kernel may need to start, and to answer, in milliseconds. */
const START_MS = 60_000, ANSWER_MS = 120_000;

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A socket of ZeroMQ that is connected. */
class Socket {
  readonly #connection: Deno.TcpConn;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(port: number, type: "DEALER" | "SUB"): Promise<Socket> {
    const socket = new Socket(await Deno.connect({ hostname: "127.0.0.1", port }));
    const greeting = new Uint8Array(64);
    greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0]);
    greeting.set(encoder.encode("NULL"), 12);
    await socket.#write(greeting);
    await socket.#read(64);
    const name = encoder.encode("Socket-Type"), value = encoder.encode(type);
    const property = concat(
      Uint8Array.of(name.length),
      name,
      Uint8Array.of(0, 0, 0, value.length),
      value,
    );
    await socket.#writeFrame(COMMAND, concat(Uint8Array.of(5), encoder.encode("READY"), property));
    await socket.#readFrame();
    if (type === "SUB") await socket.#writeFrame(0, Uint8Array.of(1)); // to everything
    return socket;
  }

  async send(frames: readonly string[]): Promise<void> {
    for (const [i, frame] of frames.entries()) {
      await this.#writeFrame(i < frames.length - 1 ? MORE : 0, encoder.encode(frame));
    }
  }

  /** The next message. */
  async receive(): Promise<string[]> {
    const frames: string[] = [];
    for (;;) {
      const { flags, body } = await this.#readFrame();
      if (flags & COMMAND) continue;
      frames.push(decoder.decode(body));
      if (!(flags & MORE)) return frames;
    }
  }

  close(): void {
    this.#connection.close();
  }

  async #writeFrame(flags: number, body: Uint8Array): Promise<void> {
    const head = new DataView(new ArrayBuffer(9));
    head.setUint8(0, flags | LONG);
    head.setBigUint64(1, BigInt(body.length));
    await this.#write(concat(new Uint8Array(head.buffer), body));
  }

  async #readFrame(): Promise<{ flags: number; body: Uint8Array }> {
    const [flags] = await this.#read(1);
    const length = flags & LONG
      ? Number(new DataView((await this.#read(8)).buffer).getBigUint64(0))
      : (await this.#read(1))[0];
    return { flags, body: await this.#read(length) };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const count = await this.#connection.read(bytes.subarray(at));
      if (count === null) throw new Error("The kernel has closed the connection");
      at += count;
    }
    return bytes;
  }
}

/** What a cell has put out. */
export type Output =
  | { readonly type: "stream"; readonly text: string }
  | { readonly type: "display_data" | "execute_result"; readonly data: Record<string, string> }
  | { readonly type: "error"; readonly text: string };

interface Message {
  readonly type: string;
  readonly parent: string | undefined;
  // deno-lint-ignore no-explicit-any
  readonly content: any;
}

/** Ports that nobody has now. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** Deno's kernel. */
export class Kernel implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  readonly #key: string;
  readonly #session = randomUUID();
  readonly #executed = new Map<string, Output[]>();
  #shell!: Socket;
  #published!: Socket;

  private constructor(process: Deno.ChildProcess, folder: string, key: string) {
    this.#process = process;
    this.#folder = folder;
    this.#key = key;
  }

  /** Starts one in a folder. */
  static async start(cwd: string, env: Record<string, string> = {}): Promise<Kernel> {
    const folder = await Deno.makeTempDir({ prefix: "valet kernel " });
    const [shell_port, iopub_port, stdin_port, control_port, hb_port] = freePorts(5);
    const ports = { shell_port, iopub_port, stdin_port, control_port, hb_port };
    const key = randomUUID();
    const connection = {
      ip: "127.0.0.1",
      transport: "tcp",
      signature_scheme: "hmac-sha256",
      key,
      ...ports,
    };
    await Deno.writeTextFile(`${folder}/kernel.json`, JSON.stringify(connection));
    const process = new Deno.Command(Deno.execPath(), {
      args: ["jupyter", "--kernel", "--conn", `${folder}/kernel.json`],
      cwd,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const kernel = new Kernel(process, folder, key);
    try {
      for (const end = Date.now() + START_MS;; await sleep(50)) {
        try {
          kernel.#shell = await Socket.connect(shell_port, "DEALER");
          break;
        } catch (error) {
          if (!(error instanceof Deno.errors.ConnectionRefused) || Date.now() > end) throw error;
        }
      }
      kernel.#published = await Socket.connect(iopub_port, "SUB");
      // What is published before the kernel knows of the subscription is lost: ask until something comes
      const heard = kernel.#receive();
      let isHeard = false;
      heard.then(() => isHeard = true, () => isHeard = true);
      while (!isHeard) {
        await kernel.#send("kernel_info_request", {});
        await sleep(100);
      }
      await heard;
      return kernel;
    } catch (error) {
      await kernel[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Executes a cell; all that it puts out. The kernel may say that it has done before it has sent a cell's
   * value (Deno 2.9): that is added while a later one is executed.
   */
  async execute(code: string): Promise<Output[]> {
    const id = await this.#send("execute_request", {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    });
    // Without a kernel, receiving fails
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), ANSWER_MS);
    try {
      return await this.#outputs(id);
    } finally {
      clearTimeout(timer);
    }
  }

  async #outputs(id: string): Promise<Output[]> {
    const outputs: Output[] = [];
    this.#executed.set(id, outputs);
    for (;;) {
      const { type, parent = "", content } = await this.#receive();
      if (parent === id && type === "status" && content.execution_state === "idle") return outputs;
      const to = this.#executed.get(parent);
      if (type === "stream") to?.push({ type, text: content.text });
      if (type === "display_data" || type === "execute_result") {
        to?.push({ type, data: content.data });
      }
      if (type === "error") {
        to?.push({ type, text: `${content.ename}: ${content.evalue}\n${content.traceback}` });
      }
    }
  }

  async #send(type: string, content: unknown): Promise<string> {
    const id = randomUUID();
    const header = {
      msg_id: id,
      msg_type: type,
      session: this.#session,
      username: "test",
      date: new Date().toISOString(),
      version: "5.3",
    };
    const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
    const signature = createHmac("sha256", this.#key).update(parts.join("")).digest("hex");
    await this.#shell.send([DELIMITER, signature, ...parts]);
    return id;
  }

  async #receive(): Promise<Message> {
    const frames = await this.#published.receive();
    const [header, parent, , content] = frames.slice(frames.indexOf(DELIMITER) + 2)
      .map((part) => JSON.parse(part));
    return { type: header.msg_type, parent: parent?.msg_id, content };
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // it has ended already
    }
    await this.#process.status;
    this.#shell?.close();
    this.#published?.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
