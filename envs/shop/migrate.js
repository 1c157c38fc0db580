import { access, mkdir, writeFile } from "node:fs/promises";

/** Brings the data to the form this release wants. Safe to run again: what is there already stays. */
const { DATA = "/var/lib/shop" } = process.env;
const file = `${DATA}/visits.json`;
await mkdir(DATA, { recursive: true });
try {
  await access(file);
  console.log(`${file} is there already`);
} catch {
  await writeFile(file, JSON.stringify({ count: 0 }));
  console.log(`made ${file}`);
}
