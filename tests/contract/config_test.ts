/**
 * NIOCCONFIG: messages to whoever has taken over a bridge. The scenario is micchie/mymodule's: its user
 * sets from which port packets go to which, and the lookup follows.
 */

import assert from "node:assert/strict";
import { DROP, Netmap, NetmapError } from "../../mod.ts";
import { forEachBackend, type Scene } from "./backends.ts";
import { frame, tags } from "./frames.ts";

const SKIP = { skip: { kernel: "only modules can take messages there" } };

/** The message of mymodule's: source port, destination port, u16 each. */
function route(from: number, to: number): Uint8Array {
  return new Uint8Array(Uint16Array.of(from, to).buffer);
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof NetmapError && error.code === expected;
}

/** Serves while the body runs. */
async function serving(
  { netmap, bridgeName }: Pick<Scene, "netmap" | "bridgeName">,
  handler: (message: Uint8Array<ArrayBuffer>) => void | Promise<void>,
  body: () => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const served = netmap.bridge(bridgeName).config.serve(handler, end);
  try {
    await body();
  } finally {
    end.abort();
    await served;
  }
}

forEachBackend((backend) => {
  backend.test("nobody takes the messages of a bridge that learns, or is not there", async (scene) => {
    await assert.rejects(scene.bridge.config.send(route(0, 1)), code("EINVAL"));
    using _port = scene.port("a");
    await assert.rejects(scene.bridge.config.send(route(0, 1)), code("EINVAL"));
  });

  backend.test("the kernel's bridges are served by modules only", {
    skip: { daemon: "it can serve", embedded: "it can serve" },
  }, async (scene) => {
    using _port = scene.port("a");
    await assert.rejects(scene.bridge.config.serve(() => {}), code("EOPNOTSUPP"));
  });

  backend.test(
    "my_config: the user sets source and destination port, the lookup follows",
    SKIP,
    async (scene) => {
      const [a, b, c] = scene.ports(3);
      const routes = new Uint16Array(254).fill(DROP);
      scene.bridge.lookup = ({ port }) => routes[port]!;
      const myConfig = (message: Uint8Array<ArrayBuffer>): void => {
        const [from, to] = new Uint16Array(message.buffer, message.byteOffset, 2);
        if (from! >= 254 || to! > 254) throw new RangeError(`No port ${from} or ${to}`);
        routes[from!] = to!;
      };
      using user = scene.another();
      await serving(scene, myConfig, async () => {
        await user.bridge(scene.bridgeName).config.send(route(0, 2));
        a.send(frame({ tag: 1 }));
        assert.deepEqual([b, c].map(tags), [[], [1]]);
        await user.bridge(scene.bridgeName).config.send(route(0, 1));
        await user.bridge(scene.bridgeName).config.send(route(2, 254));
        a.send(frame({ tag: 2 }));
        c.send(frame({ tag: 3 }));
        assert.deepEqual([a, b, c].map(tags), [[3], [2, 3], []]);
        await assert.rejects(
          user.bridge(scene.bridgeName).config.send(route(254, 0)),
          code("EINVAL"),
        );
        await assert.rejects(
          user.bridge(scene.bridgeName).config.send(route(0, 255)),
          code("EINVAL"),
        );
      });
      await assert.rejects(user.bridge(scene.bridgeName).config.send(route(0, 2)), code("EINVAL"));
    },
  );

  backend.test("what is written into a message is its answer", SKIP, async (scene) => {
    using _port = scene.port("a");
    await serving(scene, async (message) => {
      await Promise.resolve();
      assert.equal(message.length, 256);
      message.reverse();
    }, async () => {
      const answer = await scene.bridge.config.send(Uint8Array.of(1, 2, 3));
      assert.equal(answer.length, 256);
      assert.deepEqual([...answer.subarray(250)], [0, 0, 0, 3, 2, 1]);
      assert.equal(answer[0], 0);
    });
  });

  backend.test(
    "messages of several senders are served one after the other",
    SKIP,
    async (scene) => {
      using _port = scene.port("a");
      const seen: number[] = [];
      let inside = 0;
      await serving(scene, async (message) => {
        assert.equal(++inside, 1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(message[0]!);
        message[0]! += 100;
        inside--;
      }, async () => {
        const numbers = Array.from({ length: 20 }, (_, i) => i);
        const answers = await Promise.all(
          numbers.map((i) => scene.bridge.config.send(Uint8Array.of(i))),
        );
        assert.deepEqual(answers.map(([first]) => first), numbers.map((i) => i + 100));
        assert.deepEqual(seen.sort((a, b) => a - b), numbers);
      });
    },
  );

  backend.test(
    "a message is refused with the error that the handler throws",
    SKIP,
    async (scene) => {
      using _port = scene.port("a");
      await serving(scene, ([first]) => {
        if (first === 1) throw new NetmapError("configure", "EPERM");
        throw new Error("No");
      }, async () => {
        const send = (first: number): Promise<unknown> =>
          scene.bridge.config.send(Uint8Array.of(first));
        await assert.rejects(send(1), code("EPERM"));
        await assert.rejects(send(2), code("EINVAL"));
      });
    },
  );

  backend.test("who serves later takes over", SKIP, async (scene) => {
    using _port = scene.port("a");
    const before = scene.bridge.config.serve((message) => void (message[0] = 1));
    await Promise.all([
      assert.rejects(before, code("ESTALE")),
      serving(scene, (message) => void (message[0] = 2), async () => {
        const [first] = await scene.bridge.config.send(new Uint8Array());
        assert.equal(first, 2);
      }),
    ]);
  });

  backend.test(
    "messages are refused when who serves closes its netmap, or the bridge goes",
    SKIP,
    async (scene) => {
      const port = scene.port("a");
      const server = scene.another();
      const served = server.bridge(scene.bridgeName).config.serve(async () => {
        server.close();
        await new Promise((resolve) => setTimeout(resolve, 10));
      });
      await scene.bridge.config.send(new Uint8Array()).catch(code("EINVAL"));
      await served;
      const again = scene.bridge.config.serve(() => {});
      port.close();
      await assert.rejects(again, code("ENXIO"));
      await assert.rejects(
        scene.bridge.config.send(new Uint8Array()),
        code("EINVAL"),
      );
    },
  );

  backend.test("an exclusive bridge is served by who has its token", SKIP, async (scene) => {
    const bridge = scene.netmap.createBridge(scene.bridgeName);
    await assert.rejects(scene.bridge.config.serve(() => {}), code("EACCES"));
    const end = new AbortController();
    const served = bridge.config.serve((message) => void (message[0] = 9), end);
    assert.equal((await scene.bridge.config.send(new Uint8Array()))[0], 9);
    end.abort();
    await served;
    bridge.destroy();
  });

  backend.test("what is no message is refused before it is sent", async (scene) => {
    await assert.rejects(scene.bridge.config.send(new Uint8Array(257)), RangeError);
    // @ts-expect-error: no bytes
    await assert.rejects(scene.bridge.config.send("text"), TypeError);
  });
});

Deno.test("a message that nobody answers comes back as ETIMEDOUT", async () => {
  using netmap = Netmap.open({ backend: "embedded", instance: crypto.randomUUID().slice(0, 8) });
  using _port = netmap.open("vale0:a");
  const end = new AbortController();
  const served = netmap.bridge("vale0").config.serve(() => sent.then(() => {}), end);
  const sent = netmap.bridge("vale0").config.send(new Uint8Array()).then(
    () => assert.fail("answered"),
    (error) => assert.ok(code("ETIMEDOUT")(error)),
  );
  await sent;
  end.abort();
  await served;
});
