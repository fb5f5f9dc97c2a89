// Virtual machines on the switch: real guests, with QEMU's own netdevs, as docs/vms.md has them.
import assert from "node:assert/strict";
import { Guest, makeInitrd, reconnectOption, whyNoGuests } from "./guest.ts";
import { testNet, until } from "./scene.ts";

const MEGABYTES = 4;

testNet("two virtual machines and a namespace exchange ping and TCP", async (scene) => {
  const { bridge } = scene;
  const folder = await Deno.makeTempDir({ prefix: "valet-guests-" });
  const path = (name: string): string => `${folder}/${name}`;
  try {
    const initrd = makeInitrd(folder);
    bridge.attach("vm1", { device: "stream", socket: path("vm1") });
    bridge.attach("vm2", { device: "dgram", socket: path("ours"), peer: path("vm2") });
    await using one = new Guest({
      initrd,
      number: 11,
      netdev: `stream,server=off,addr.type=unix,addr.path=${path("vm1")}`,
    });
    const local = `local.type=unix,local.path=${path("vm2")}`;
    await using two = new Guest({
      initrd,
      number: 12,
      netdev: `dgram,${local},remote.type=unix,remote.path=${path("ours")}`,
    });
    const red = scene.host();
    scene.attach(red);
    await Promise.all([one.ready(), two.ready()]);

    for (const size of [0, 1472, 8000]) {
      assert.equal(await one.ping(two.ip4, size), 3, `${size} bytes`);
      assert.equal(await two.ping(red.ip4, size), 3, `${size} bytes`);
    }
    assert.equal(await one.ping(two.ip6), 3);
    assert.equal(red.ping(one.ip4), 3);
    const served = await one.serve(MEGABYTES);
    assert.equal(await two.fetch(one.ip4), served);
    red.run("busybox", "wget", "-q", "-O", path("fetched"), `http://${one.ip4}:8080/data`);
    assert.equal(red.run("sha256sum", path("fetched")).slice(0, 64), served);

    // Jumbo frames, in both kinds of socket
    for (const guest of [one, two]) await guest.must("ip link set eth0 mtu 9000");
    assert.equal(await one.ping(two.ip4, 8972), 3);
    assert.equal(await two.fetch(one.ip4), served);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, whyNoGuests);

testNet(
  "a virtual machine that listens is met when it is there, and missed when it is gone",
  async (scene) => {
    const { bridge } = scene;
    const folder = await Deno.makeTempDir({ prefix: "valet-guests-" });
    try {
      const red = scene.host();
      scene.attach(red);
      bridge.attach("vm", { device: "stream", peer: `${folder}/vm` });
      const netdev = `stream,server=on,addr.type=unix,addr.path=${folder}/vm`;
      {
        await using guest = await new Guest({ initrd: makeInitrd(folder), number: 11, netdev })
          .ready();
        assert.equal(await guest.ping(red.ip4), 3);
        assert.equal(red.ping(guest.ip6), 3);
      }
      const lost = () => bridge.counters()["vm"].drops.interface;
      const before = lost();
      await until(
        "what is sent to it is counted",
        () => !red.reaches("10.213.0.11") && lost() > before,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  whyNoGuests,
);

const reconnect = reconnectOption();

testNet(
  "a virtual machine whose QEMU connects again outlives its port on the switch",
  async (scene) => {
    const { bridge } = scene;
    const folder = await Deno.makeTempDir({ prefix: "valet-guests-" });
    try {
      const red = scene.host();
      scene.attach(red);
      const attach = () => bridge.attach("vm", { device: "stream", socket: `${folder}/vm` });
      attach();
      const netdev = `stream,server=off,addr.type=unix,addr.path=${folder}/vm,${reconnect}`;
      await using guest = await new Guest({ initrd: makeInitrd(folder), number: 11, netdev })
        .ready();
      assert.equal(await guest.ping(red.ip4), 3);
      bridge.detach("vm");
      assert.ok(!red.reaches(guest.ip4));
      attach();
      await until("it is back", () => red.reaches(guest.ip4));
      assert.equal(await guest.ping(red.ip4, 1472), 3);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  () =>
    whyNoGuests() ??
      (reconnect === undefined ? "QEMU connects again since version 8.0" : undefined),
);
