import { link, mkdir, rm, writeFile } from "node:fs/promises";

/** Brings the data to the form this release wants. Safe to run again, and beside a server that counts: what is there stays. */
const { DATA = "/var/lib/shop" } = process.env;
const file = `${DATA}/visits.json`;
const fresh = `${DATA}/visits.${process.pid}.json`;
await mkdir(DATA, { recursive: true });
await writeFile(fresh, JSON.stringify({ count: 0 }));
try {
  // Whole or not at all, and never over another.
  await link(fresh, file);
  console.log(`made ${file}`);
} catch (error) {
  if (error.code !== "EEXIST") throw error;
  console.log(`${file} is there already`);
} finally {
  await rm(fresh);
}
