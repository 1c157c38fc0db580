import { request } from "node:http";

/** A request to an engine's own API, by its unix socket: what is really there, past everything that envctl says. */
export function askEngine(socket: string, method: "GET" | "DELETE", path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, path, method, agent: false, timeout: 20_000 }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        if (status < 400 || status === 404) resolve(status === 404 ? Buffer.from("null") : Buffer.concat(parts));
        else reject(new Error(`${method} ${path}: ${status} ${Buffer.concat(parts).toString("utf8")}`));
      });
    });
    asked.on("timeout", () => asked.destroy(new Error(`${method} ${path}: no answer`)));
    asked.on("error", reject);
    asked.end();
  });
}

export async function readEngine<Document>(socket: string, path: string): Promise<Document> {
  return JSON.parse((await askEngine(socket, "GET", path)).toString("utf8")) as Document;
}
