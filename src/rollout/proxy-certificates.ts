import { timeLimit } from "../base/time-limit.ts";
import { capture } from "../engine/capture.ts";
import type { ContainerFile, Engine } from "../engine/engine.ts";
import { certificateFile, keyFile, type Site } from "../proxy/proxy.ts";
import type { Certificate } from "./certificate.ts";

/**
 * Writes the user's own certificate where the proxy of a site reads it. Returns what puts back what was there, for a proxy that
 * does not take it: what it serves names the same files, and they are read at its next start, and at every change for others.
 */
export async function bringCertificate(
  engine: Engine,
  container: string,
  site: Pick<Site, "id">,
  { certificate, key }: Certificate,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const files: ContainerFile[] = [
    { path: certificateFile(site), content: certificate, mode: 0o600 },
    { path: keyFile(site), content: key, mode: 0o600 },
  ];
  const present = await Promise.all(files.map(({ path }) => engine.readFile(container, path, signal)));
  await engine.writeFiles(container, files, signal);
  return async () => {
    const limit = timeLimit(30_000);
    const before = files.flatMap((file, index) => {
      const content = present[index];
      return content === undefined ? [] : [{ ...file, content }];
    });
    if (before.length === files.length) await engine.writeFiles(container, before, limit);
    else await dropCertificate(engine, container, site, limit);
  };
}

/** A key that serves nobody has no business on the host. */
export async function dropCertificate(
  engine: Engine,
  container: string,
  site: Pick<Site, "id">,
  signal: AbortSignal,
): Promise<void> {
  await capture(engine, container, ["rm", "-f", certificateFile(site), keyFile(site)], signal);
}

/** The same for a container that does not run: nothing can be removed there, but be written over. */
export function emptyCertificate(site: Pick<Site, "id">): ContainerFile[] {
  return [certificateFile(site), keyFile(site)].map((path) => ({ path, content: "", mode: 0o600 }));
}
