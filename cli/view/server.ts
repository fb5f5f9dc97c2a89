/**
 * The web server of `valet view`: a page and what it shows, for browsers of this machine that have the token.
 *
 * @module
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { type PageFile, readPageFiles } from "./files.ts";
import type { ViewState } from "./messages.ts";

/** Makes the states that the page shows, until the signal aborts. */
export type StateSource = (signal: AbortSignal) => AsyncIterable<ViewState>;

/** Options of `ViewServer.start()`. */
export interface ViewServerOptions {
  /** Port of 127.0.0.1; 0: one that is free. */
  readonly port: number;
  /** Asked for states while somebody looks. */
  readonly states: StateSource;
}

/** Pages that can be open at once. */
const PAGES = 32;

/** Who looks is told so often that the server is there. */
const ALIVE_MS = 10_000;

/** Bytes of a token: enough that nobody guesses it. */
const TOKEN_BYTES = 24;

/** Answers in progress have so long to end. */
const END_MS = 500;

/** Nothing from elsewhere, nothing inline, nothing that a text could become: see CSP Level 3 and Trusted Types. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer", // it would have the token
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

const encoder = new TextEncoder();

/** A running server. */
export class ViewServer implements AsyncDisposable {
  readonly #states: StateSource;
  readonly #files: ReadonlyMap<string, PageFile> = readPageFiles();
  readonly #token = randomBytes(TOKEN_BYTES).toString("base64url");
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #pages = new Set<ReadableStreamDefaultController<Uint8Array>>();
  readonly #failure = Promise.withResolvers<never>();
  #latest: ViewState | undefined;
  #watching: { readonly ending: AbortController; readonly ended: Promise<void> } | undefined;

  private constructor({ port, states }: ViewServerOptions) {
    this.#states = states;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {} },
      (request) => this.#answer(request),
    );
    this.#failure.promise.catch(() => {}); // for who waits for it, if anybody does
  }

  /**
   * Starts one.
   *
   * @throws {Deno.errors.AddrInUse} if the port is taken
   */
  static start(options: ViewServerOptions): ViewServer {
    return new ViewServer(options);
  }

  /** Where the page is; who knows this sees it. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/${this.#token}/`;
  }

  /** Rejects if there can be no more states. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  /** Tells the pages, and ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const page of [...this.#pages]) {
      page.enqueue(encoder.encode("event: end\ndata:\n\n"));
      page.close();
    }
    this.#pages.clear();
    await this.#unwatch();
    const ended = this.#server.shutdown();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, END_MS));
    await Promise.race([ended, late]);
    clearTimeout(timer);
  }

  #answer(request: Request): Response {
    const { port } = this.#server.addr;
    // A page of elsewhere whose name has been made to lead here (DNS rebinding) has another host
    const host = request.headers.get("host");
    if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) {
      return text(403, "Forbidden: this server is 127.0.0.1 only\n");
    }
    const [, token, ...rest] = new URL(request.url).pathname.split("/");
    if (!isSame(token, this.#token)) {
      return text(403, 'Forbidden: open the address that "valet view" has printed\n');
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return text(405, "Only GET and HEAD are answered here\n", { allow: "GET, HEAD" });
    }
    const path = rest.join("/");
    if (path === "events") return this.#events(request);
    if (rest.length === 0) return text(308, "", { location: `/${token}/` });
    const file = this.#files.get(path);
    if (file === undefined) return text(404, "There is no such file\n");
    return new Response(request.method === "HEAD" ? null : file.text, {
      headers: { ...HEADERS, "content-type": file.type },
    });
  }

  /** What the page shows, as Server-Sent Events (WHATWG HTML, 9.2). */
  #events(request: Request): Response {
    const headers = { ...HEADERS, "content-type": "text/event-stream" };
    if (request.method === "HEAD") return new Response(null, { headers });
    if (this.#pages.size >= PAGES) return text(503, "Too many pages are open\n");
    let page: ReadableStreamDefaultController<Uint8Array>;
    let timer: ReturnType<typeof setInterval>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        page = controller;
        this.#pages.add(page);
        timer = setInterval(() => {
          if (this.#pages.has(page)) page.enqueue(encoder.encode(": alive\n\n"));
          else clearInterval(timer);
        }, ALIVE_MS);
        if (this.#latest !== undefined) page.enqueue(eventOf(this.#latest));
        this.#watch();
      },
      cancel: async () => {
        clearInterval(timer);
        this.#pages.delete(page);
        if (this.#pages.size === 0) await this.#unwatch();
      },
    }, { highWaterMark: 2 });
    return new Response(body, { headers });
  }

  /** States are made while somebody looks. */
  #watch(): void {
    if (this.#watching !== undefined) return;
    const ending = new AbortController();
    const ended = this.#tellAll(ending.signal);
    ended.catch((error) => this.#failure.reject(error));
    this.#watching = { ending, ended };
  }

  async #unwatch(): Promise<void> {
    const watching = this.#watching;
    this.#watching = undefined;
    this.#latest = undefined; // old when somebody looks again
    watching?.ending.abort();
    await watching?.ended.catch(() => {});
  }

  async #tellAll(signal: AbortSignal): Promise<void> {
    for await (const state of this.#states(signal)) {
      if (signal.aborted) return;
      this.#latest = state;
      const event = eventOf(state);
      // A page that does not keep up misses some: each state is whole
      for (const page of this.#pages) if ((page.desiredSize ?? 0) > 0) page.enqueue(event);
    }
  }
}

function eventOf(state: ViewState): Uint8Array {
  return encoder.encode(`event: state\ndata: ${JSON.stringify(state)}\n\n`);
}

/** Takes as long wherever the two differ. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  const type = { "content-type": "text/plain; charset=utf-8" };
  return new Response(body, { status, headers: { ...HEADERS, ...type, ...headers } });
}
