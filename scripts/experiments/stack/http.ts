/**
 * A tiny HTTP responder, and a client for it: `GET /N` is answered with N bytes.
 *
 * @module
 */

import type { Connection, Handlers } from "./tcp.ts";
import type { Stack } from "./stack.ts";

const encoder = new TextEncoder(), decoder = new TextDecoder();
const BODY_MAX = 2 ** 24;

/** Byte number `at` of any body: with a period that no packet's length divides. */
export const bodyByte = (at: number): number => at % 251;
let body = new Uint8Array();

function bodyOf(length: number): Uint8Array {
  if (body.length < length) {
    body = new Uint8Array(length);
    for (let at = 0; at < length; at++) body[at] = bodyByte(at);
  }
  return body.subarray(0, length);
}

/** What a request asks for: bytes; undefined until all of it is there. */
export function requested(text: string): number | undefined {
  if (!text.includes("\r\n\r\n")) return undefined;
  const length = Number(/^GET \/(\d+) HTTP\/1\.[01]\r\n/.exec(text)?.[1] ?? -1);
  return length > BODY_MAX ? -1 : length;
}

/** Answers a request for so many bytes, and closes the connection behind it. */
export function respond(connection: Connection, length: number): void {
  const status = length < 0 ? "404 Not Found" : "200 OK", bytes = Math.max(length, 0);
  const head = `HTTP/1.1 ${status}\r\ncontent-length: ${bytes}\r\nconnection: close\r\n\r\n`;
  connection.send(encoder.encode(head));
  connection.send(bodyOf(bytes));
  connection.end();
}

/** A connection on which one request is answered. */
export function responder(): Handlers {
  let text = "";
  return {
    data: (connection, bytes) => {
      text += decoder.decode(bytes);
      const length = requested(text);
      if (length !== undefined) respond(connection, length);
    },
    ended: (connection) => connection.end(),
  };
}

/** A response, as it comes. */
export class Response {
  #head = "";
  /** Bytes of the body that have come, all as they should be. */
  length = 0;
  isComplete = false;
  /** What is wrong with it. */
  fault: string | undefined;

  /** Takes bytes. */
  take(bytes: Uint8Array): void {
    if (!this.#head.endsWith("\r\n\r\n")) bytes = this.#takeHead(bytes);
    for (const byte of bytes) {
      if (byte !== bodyByte(this.length)) this.fault ??= `byte ${this.length} is ${byte}`;
      this.length++;
    }
  }

  /** Ends it; `expected` bytes should have come. */
  end(expected: number): void {
    if (!this.#head.startsWith("HTTP/1.1 200 ")) this.fault ??= `head "${this.#head}"`;
    if (this.length !== expected) this.fault ??= `${this.length} bytes instead of ${expected}`;
    this.isComplete = true;
  }

  #takeHead(bytes: Uint8Array): Uint8Array {
    for (let at = 0; at < bytes.length; at++) {
      this.#head += String.fromCharCode(bytes[at]);
      if (this.#head.endsWith("\r\n\r\n")) return bytes.subarray(at + 1);
    }
    return bytes.subarray(bytes.length);
  }
}

/** Asks for so many bytes over a connection of its own. */
export function get(stack: Stack, ip: number, port: number, length: number): Response {
  const response = new Response();
  stack.connect(ip, port, {
    connected: (connection) =>
      connection.send(encoder.encode(`GET /${length} HTTP/1.1\r\nhost: valet\r\n\r\n`)),
    data: (_, bytes) => response.take(bytes),
    ended: (connection) => {
      response.end(length);
      connection.end();
    },
    closed: () => {
      if (!response.isComplete) response.fault ??= "the connection was reset";
      response.isComplete = true;
    },
  });
  return response;
}
