import { startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";

// The registry as a process of its own, so that a test can kill it.
const [directory = ""] = process.argv.slice(2);
const server = await startEmbeddedRegistry({ directory, port: 0 });
process.stdout.write(`${server.host}\n`);
