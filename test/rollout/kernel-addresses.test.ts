import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { kernelAddresses } from "../../src/rollout/kernel-addresses.ts";

describe("an address as the kernel writes it", () => {
  it("is what proc(5) shows of a connection, by sockets of IPv4 and by those that speak both", async () => {
    for (const [address, index] of [
      ["127.0.0.1", 0],
      ["::ffff:127.0.0.1", 1],
    ] as const) {
      const server = createServer().listen(0, index === 0 ? "127.0.0.1" : "::");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const client = connect(port, address);
      await once(client, "connect");
      const table = readFileSync(index === 0 ? "/proc/net/tcp" : "/proc/net/tcp6", "utf8");
      expect(table).toContain(` ${kernelAddresses("127.0.0.1", port)[index]} 01 `);
      client.destroy();
      server.close();
    }
  });

  it("has four digits for a port, and none for what is no IPv4", () => {
    expect(kernelAddresses("10.0.0.2", 80)).toEqual(["0200000A:0050", "0000000000000000FFFF00000200000A:0050"]);
    expect(kernelAddresses("fd00::1", 80)).toEqual([]);
  });
});
