import { open } from "./exchange.ts";
import { type Client, callOf, isPage, repeat, retryOnce } from "./http-clients.ts";

/** Milliseconds that a connection is silent before its request: less than servers wait for one. */
const silence = 1500;

/** Connects, waits, and only then asks for `/`, as browsers do that expect a click. */
export async function askEarly(client: Client): Promise<void> {
  await repeat(client, 0, async () => {
    const call = callOf(client, "/");
    const socket = await open(call);
    await client.pause(silence);
    const answer = await retryOnce(client, { ...call, socket }, call);
    return () => isPage(client, answer);
  });
}
