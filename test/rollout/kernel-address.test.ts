import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { kernelAddress } from "../../src/rollout/kernel-address.ts";

describe("an address as the kernel writes it", () => {
  it("is what proc(5) shows of a connection", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect(port, "127.0.0.1");
    await once(client, "connect");
    expect(readFileSync("/proc/net/tcp", "utf8")).toContain(` ${kernelAddress("127.0.0.1", port)} 01 `);
    client.destroy();
    server.close();
  });

  it("has four digits for a port, and is none of what is no IPv4", () => {
    expect(kernelAddress("10.0.0.2", 80)).toBe("0200000A:0050");
    expect(kernelAddress("fd00::1", 80)).toBeUndefined();
    expect(kernelAddress("", 80)).toBeUndefined();
  });
});
