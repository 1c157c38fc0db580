import { digestOf } from "../../src/base/digest.ts";
import { ManifestCache } from "../../src/registry/manifest-cache.ts";

// A command that keeps manifests as one of several at the same time: it opens its pack, says so, and waits to be told.
const [folder = "", from = "", to = ""] = process.argv.slice(2);
const pack = new ManifestCache(folder).pack("shop");
await pack.open();
process.stdout.write("open\n");
await new Promise((resolve) => process.stdin.once("data", resolve));
for (let number = Number(from); number < Number(to); number += 1) {
  const bytes = Buffer.from(JSON.stringify({ number, text: "x".repeat(2000) }));
  pack.keep(digestOf(bytes), number, bytes);
  await pack.save();
}
process.stdin.destroy();
