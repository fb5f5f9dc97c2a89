/** What the rows of starting are compared with: deno alone. */

export {};
