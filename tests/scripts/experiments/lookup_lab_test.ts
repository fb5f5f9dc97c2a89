/** The lookup lab: forms of a hook are timed, and what they decide is compared. */

import assert from "node:assert/strict";
import { BROADCAST, LookupTable, PacketTemplate } from "../../../mod.ts";
import { compareForms, Comparison, type FormRow } from "../../../scripts/experiments/lookup/mod.ts";

const QUICK = { lengthMs: 2, repetitions: 3 };
const DISPLAY = Symbol.for("Jupyter.display");

const udp = PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2" }).next().slice();
const arp = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next().slice();

Deno.test("all forms of a hook are timed, and lead the traffic the same ways", async () => {
  const routes = new LookupTable({ key: [32] });
  const compared = await compareForms(
    (packet) => packet.isIpv4 ? routes.get(packet.destinationIpv4) ?? BROADCAST : 2,
    {
      ...QUICK,
      traffic: [udp, udp, udp, arp],
      tables: { routes },
      prepare: () => routes.set(0x0a00_0002, 1),
      c: `
        #include "valet_hook.h"
        static uint32_t hook(struct valet_packet *packet, uint32_t source)
        {
          (void)source;
          return valet_u16(packet, 12) == 0x0800 ? 1 : 2;
        }
        VALET_LOOKUP_PACKET(hook)`,
      title: "routes",
    },
  );
  assert.deepEqual(compared.rows.map(({ form }) => form), ["V8", "V8, batch", "machine code", "C"]);
  assert.deepEqual(compared.rows.map(({ received }) => received), Array(4).fill("1: 192, 2: 64"));
  assert.ok(compared.agrees);
  assert.equal(Math.min(...compared.rows.map(({ more_ns }) => more_ns)), 0);
  for (const { mpps, packet_ns } of compared.rows) assert.ok(mpps > 0 && packet_ns > 0);
  const text = Deno.inspect(compared);
  assert.equal(text.split("\n").length, 6);
  assert.match(text, /^routes\nform +rate \(Mpps\) .*\nV8 /);
});

Deno.test("forms that lead packets differently are found out", async () => {
  const c = `
    #include "valet_hook.h"
    static uint32_t hook(struct valet_packet *packet, uint32_t source)
    {
      (void)packet, (void)source;
      return 2;
    }
    VALET_LOOKUP_PACKET(hook)`;
  const compared = await compareForms(() => 1, { ...QUICK, c, forms: ["V8", "C"] });
  assert.deepEqual(compared.rows.map(({ received }) => received), ["1: 256", "2: 256"]);
  assert.equal(compared.agrees, false);
  assert.match(`${compared}`, /do not agree/);
});

Deno.test("copies, rings and what is flooded are the same in a batch", async () => {
  const forms = ["V8", "V8, batch"] as const;
  const compared = await compareForms((packet) => {
    packet.copyTo = 3;
    packet.ring = 0;
    return packet.isIpv4 ? 1 : BROADCAST;
  }, { ...QUICK, forms, traffic: [udp, arp], ports: 4 });
  assert.ok(compared.agrees);
  assert.equal(compared.rows[0].received, "1: 256, 2: 128, 3: 256");
});

Deno.test("a comparison draws itself in a notebook", async () => {
  const row: FormRow = {
    form: "V8",
    mpps: 5,
    low_mpps: 4,
    high_mpps: 6,
    packet_ns: 200,
    more_ns: 0,
    received: "1: 256",
  };
  const drawing = await new Comparison("hook", [row, { ...row, form: "C" }], []).draw();
  const forms = (drawing as unknown as Record<symbol, () => Record<string, string>>)[DISPLAY]();
  assert.equal(forms["text/plain"], "hook");
  assert.match(forms["image/svg+xml"], /^<svg [^]*form of the hook[^]*<\/svg>$/);
  assert.match(Deno.inspect(drawing), /^Drawing \{ hook, \d+ bytes of SVG \}$/);
});

Deno.test("traffic and ports have bounds", async () => {
  await assert.rejects(compareForms(() => 1, { traffic: [] }), /Cannot send 0 frames/);
  await assert.rejects(compareForms(() => 1, { ports: 1 }), /Cannot use 1 ports/);
});
