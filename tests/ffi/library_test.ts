// Shows where the C library is looked for, and what is said when it is not found.
// Each case is a process of its own: a process loads the library once.

import assert from "node:assert/strict";
import { builtLibraryPath } from "../../ffi/build.ts";
import { runScript } from "./scene.ts";

const OPEN = `
import { Netmap } from "valet:mod.ts";
using netmap = Netmap.open({ backend: "embedded", ...JSON.parse(Deno.args[0] ?? "{}") });
console.log(netmap.backend);
`;

/** A copy of what is imported, without a built library. */
async function withCopy(body: (url: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["mod.ts", "ffi", "packet"]) {
      const source = new URL(`../../${name}`, import.meta.url).pathname;
      await new Deno.Command("cp", { args: ["-r", source, folder] }).output();
    }
    await body(`file://${folder}/`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a script elsewhere needs no import map and --allow-ffi alone", async () => {
  const { code, output, errors } = await runScript(OPEN, ["--allow-ffi"]);
  assert.equal(errors, "");
  assert.equal(output, "embedded\n");
  assert.equal(code, 0);
});

Deno.test("without --allow-ffi the error says so", async () => {
  const { code, errors } = await runScript(OPEN, []);
  assert.equal(code, 1);
  assert.match(errors, /NotCapable: Cannot load the valet library: it requires ffi access/);
  assert.match(errors, /Hint: Run again with --allow-ffi/);
});

Deno.test("importing mod.ts loads nothing and needs no permission", async () => {
  const { output, errors } = await runScript(
    `import * as valet from "valet:mod.ts"; console.log(valet.BROADCAST, valet.DROP);`,
    [],
  );
  assert.equal(errors, "");
  assert.equal(output, "254 255\n");
});

Deno.test("VALET_LIB names the library, and is read with --allow-ffi alone", async () => {
  await withCopy(async (url) => {
    const script = OPEN.replace("valet:", url);
    const env = { VALET_LIB: builtLibraryPath()! };
    for (const more of [[], ["--allow-env"], ["--allow-env=VALET_LIB"]]) {
      const { output, errors } = await runScript(script, ["--allow-ffi", ...more], env);
      assert.equal(errors, "");
      assert.equal(output, "embedded\n");
    }
  });
});

Deno.test("a wrong VALET_LIB is an error, and nothing else is tried", async () => {
  const env = { VALET_LIB: "/nowhere/libvalet.so" };
  const { code, errors } = await runScript(OPEN, ["--allow-ffi"], env);
  assert.equal(code, 1);
  assert.match(errors, /Cannot load the valet library VALET_LIB="\/nowhere\/libvalet.so"/);
  assert.match(errors, /No such file or directory/);
  assert.match(errors, /Hint: .*deno task build/);
});

Deno.test("a file that is no library is an error that tells why", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "this is no library");
    const { errors } = await runScript(OPEN, ["--allow-ffi"], { VALET_LIB: file });
    assert.match(errors, /Cannot load the valet library .*(?:file too short|invalid ELF header)/);
    assert.match(errors, /Build it again for this machine/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a library of another ABI is refused", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const functions = Deno.readTextFileSync(new URL("../../c/valet.h", import.meta.url))
      .match(/valet_\w+(?=\()/g)!;
    const source = [...new Set(functions)].map((name) => `int ${name}(void) { return 99; }`);
    await Deno.writeTextFile(`${folder}/a.c`, source.join("\n"));
    const compiler = new Deno.Command("cc", {
      args: ["-shared", "-o", `${folder}/a.so`, `${folder}/a.c`],
    });
    assert.ok((await compiler.output()).success);
    const { errors } = await runScript(OPEN, ["--allow-ffi"], { VALET_LIB: `${folder}/a.so` });
    assert.match(errors, /it has ABI 99, these modules need \d+\nHint: Build it again/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("if there is no library, the error lists what was tried and what helps", async () => {
  await withCopy(async (url) => {
    const script = OPEN.replace("valet:", url);
    const { code, errors } = await runScript(script, ["--allow-ffi"]);
    assert.equal(code, 1);
    assert.match(errors, /Cannot load the valet library: it was not found\. Tried:/);
    assert.match(errors, /- option `library`: not given/);
    assert.match(errors, /- VALET_LIB: not set/);
    assert.match(errors, /- local build: there is no \/.*c\/build\/libvalet\.so/);
    assert.match(errors, /- building it: that needs --allow-run=make/);
    assert.match(errors, /Hint: .*deno task build.*apt-get install gcc make/);
  });
});

Deno.test("with the permission it tries to build, and says what is missing for that", async () => {
  await withCopy(async (url) => {
    const script = OPEN.replace("valet:", url);
    const all = ["--allow-ffi", "--allow-run", "--allow-read"];
    const noMakefile = await runScript(script, all);
    assert.match(noMakefile.errors, /building it: .*c\/Makefile" cannot be read/);

    await Deno.mkdir(`${new URL(url).pathname}c`);
    await Deno.writeTextFile(
      `${new URL(url).pathname}c/Makefile`,
      "build/libvalet.so:\n\tcc-17 a.c\n",
    );
    const noCompiler = await runScript(script, all);
    assert.match(noCompiler.errors, /building it: .*a C compiler is not installed/);
    assert.match(noCompiler.errors, /apt-get install gcc make/);

    const noMake = await runScript(script, all, { PATH: "/nowhere" });
    assert.match(noMake.errors, /building it: .*"make" is not installed/);
  });
});

Deno.test("in a checkout the library is built when it is not there", async () => {
  await withCopy(async (url) => {
    const folder = new URL(url).pathname;
    const source = new URL("../../c", import.meta.url).pathname;
    await new Deno.Command("cp", { args: ["-r", source, folder] }).output();
    await Deno.remove(`${folder}c/build`, { recursive: true });
    const script = OPEN.replace("valet:", url);
    const args = ["--allow-ffi", "--allow-run=make", "--allow-read"];
    // Two at once must not disturb each other
    const results = await Promise.all([runScript(script, args), runScript(script, args)]);
    for (const { output, errors } of results) {
      assert.equal(errors, "");
      assert.equal(output, "embedded\n");
    }
    const builtAt = (await Deno.stat(`${folder}c/build/libvalet.so`)).mtime;
    await runScript(`import { buildLibrary } from "${url}ffi/build.ts"; buildLibrary();`, args);
    assert.deepEqual((await Deno.stat(`${folder}c/build/libvalet.so`)).mtime, builtAt);
  });
});

Deno.test("a library given by its path is loaded, and another one then refused", async () => {
  const library = builtLibraryPath()!;
  const { output, errors } = await runScript(
    `
import { Netmap } from "valet:mod.ts";
const library = ${JSON.stringify(library)};
Netmap.open({ backend: "embedded", library }).close();
Netmap.open({ backend: "embedded", library }).close();
Netmap.open({ backend: "embedded" }).close();
try {
  Netmap.open({ library: "/other.so" });
} catch (error) {
  console.log(error.message);
}
`,
    ["--allow-ffi"],
  );
  assert.equal(errors, "");
  assert.match(output, /Cannot load the valet library "\/other.so": ".*" is loaded already/);
});

Deno.test("prepare() says why a download is not possible", async () => {
  await withCopy(async (url) => {
    const script = `
import { Netmap } from "${url}mod.ts";
await Netmap.prepare(JSON.parse(Deno.args[0] ?? "{}"));
`;
    const none = await runScript(script, ["--allow-ffi"]);
    assert.match(none.errors, /- download: no URL is configured/);
    const env = { VALET_LIB_URL: "http://127.0.0.1:9/libvalet.so" };
    const noSum = await runScript(script, ["--allow-ffi"], env);
    assert.match(noSum.errors, /VALET_LIB_SHA256 has to say the file's checksum/);
    const wrongSum = await runScript(script, ["--allow-ffi"], { ...env, VALET_LIB_SHA256: "12" });
    assert.match(wrongSum.errors, /RangeError: .*sha256 must be 64 hexadecimal digits, not "12"/);
  });
});

/** Opens two ports and passes a packet on. */
const PASS = `
import { LookupTable, Netmap } from "valet:mod.ts";
import { loadLibrary } from "valet:ffi/library.ts";
using netmap = Netmap.open({ backend: "embedded" });
using a = netmap.open("vale0:a");
using b = netmap.open("vale0:b");
a.send(new Uint8Array(60).fill(0xff));
console.log([...b.receive()].length);
`;

Deno.test("a script that sends and receives makes no more functions ready than it needs", async () => {
  const { output, errors } = await runScript(
    `${PASS}
const { functions } = loadLibrary();
console.log(Object.keys(functions).sort().join(" "));
b.poll("read", 0);
console.log(Object.hasOwn(functions, "valet_poll"), Object.hasOwn(functions, "valet_tap_open"));
`,
    ["--allow-ffi"],
  );
  assert.equal(errors, "");
  assert.deepEqual(output.split("\n"), [
    "1",
    "valet_abi valet_backend valet_close valet_control valet_map valet_open valet_rxsync valet_txsync",
    "true false",
    "",
  ]);
});

Deno.test("functions can be had that are first used when the library's file has gone", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const library = `${folder}/libvalet.so`;
    await Deno.copyFile(builtLibraryPath()!, library);
    const { output, errors } = await runScript(
      `${PASS}
const { path } = loadLibrary();
Deno.removeSync(path);
Deno.writeTextFileSync(path, "this is no library");
console.log(b.poll("read", 0), await b.wait({ timeoutMs: 1 }), path);
const table = new LookupTable({ key: [32] });
table.set(1, 2);
console.log(table.get(1));
`,
      ["-A"],
      { VALET_LIB: library },
    );
    assert.equal(errors, "");
    assert.equal(output, `1\n0 false ${library}\n2\n`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
