import type { Duplex } from "node:stream";
import { checkServerIdentity, connect, type TLSSocket } from "node:tls";
import type { ProxyTls } from "../../environment/model.ts";

/**
 * Speaks TLS on a connection, as a client that asks for `domain`. Rejects where users would be warned: the certificate is
 * not the domain's, or its time is over or has not come; and, for one that a public authority gives, where no public
 * authority is behind it. Others are signed by authorities that only those clients know.
 */
export async function secure(socket: Duplex, domain: string, kind: ProxyTls, signal: AbortSignal): Promise<TLSSocket> {
  signal.throwIfAborted();
  // What the certificate is worth is judged below.
  const secured = connect({ socket, servername: domain, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  await new Promise<void>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    secured.once("secureConnect", resolve);
    secured.once("error", reject);
    secured.once("close", () => reject(new Error("the connection was closed in its TLS handshake")));
  });
  const wrong = certificateProblem(secured, domain, kind);
  if (wrong === undefined) return secured;
  secured.destroy();
  throw new Error(wrong);
}

function certificateProblem(socket: TLSSocket, domain: string, kind: ProxyTls): string | undefined {
  const certificate = socket.getPeerCertificate();
  const other = checkServerIdentity(domain, certificate);
  if (other) return `its certificate is not for ${domain}: ${other.message}`;
  const now = Date.now();
  if (Date.parse(certificate.valid_to) < now) return `its certificate ended on ${certificate.valid_to}`;
  if (Date.parse(certificate.valid_from) > now) return `its certificate only begins on ${certificate.valid_from}`;
  const isPublic = kind.kind === "auto" && kind.directory === undefined;
  if (!isPublic || socket.authorized) return undefined;
  return `no client trusts its certificate: ${String(socket.authorizationError)}`;
}
