import { developmentStage } from "./development-stage.ts";
import type { Environment, PortBinding } from "./model.ts";
import type { Path, Problems } from "./problems.ts";

interface Claim {
  readonly who: string;
  readonly path: Path;
  readonly port: PortBinding;
  /** Claims of one and the same proxy, which stages share, do not clash. */
  readonly shared: string | undefined;
}

/** Two containers on one host cannot publish the same port, be they of one stage or of two. */
export function checkPorts(environment: Environment, problems: Problems): void {
  const claims = new Map<string, Claim[]>();
  const development = developmentStage(environment);
  for (const stage of environment.stages) {
    for (const [index, host] of stage.hosts.entries()) {
      const mine = claims.get(host.name) ?? [];
      claims.set(host.name, mine);
      for (const [at, port] of stage.ports.entries()) {
        const path = ["stages", stage.name, "ports", at];
        claim(mine, { who: `stage ${stage.name}`, path, port, shared: undefined }, host.name, problems);
      }
      if (stage.proxy && stage.proxy.domains.length > 0) {
        const { driver, httpPort, httpsPort } = stage.proxy;
        for (const hostPort of new Set([httpPort, httpsPort])) {
          const port: PortBinding = { address: undefined, hostPort, containerPort: hostPort, protocol: "tcp" };
          const who = `the ${driver} of stage ${stage.name}`;
          const shared = `${driver} ${httpPort} ${httpsPort}`;
          claim(mine, { who, path: ["stages", stage.name, "domain"], port, shared }, host.name, problems);
        }
      }
      if (stage === development) {
        environment.dev.ports.forEach((port, at) => {
          claim(mine, { who: "`dev`", path: ["dev", "ports", at], port, shared: undefined }, host.name, problems);
        });
      }
      const { reload } = environment.dev;
      if (stage === development && reload && host.kind === "local") {
        const port: PortBinding = {
          address: "127.0.0.1",
          hostPort: reload.port,
          containerPort: reload.port,
          protocol: "tcp",
        };
        claim(mine, { who: "`dev.reload`", path: ["dev", "reload"], port, shared: undefined }, host.name, problems);
      }
      // Services live on the first host alone.
      for (const service of index === 0 ? stage.services : []) {
        service.ports.forEach((port, at) => {
          const who = `service ${service.name} in ${stage.name}`;
          const path = ["services", service.name, "ports", at];
          claim(mine, { who, path, port, shared: undefined }, host.name, problems);
        });
      }
    }
  }
}

function claim(claims: Claim[], next: Claim, host: string, problems: Problems): void {
  const rival = claims.find(
    (other) => clash(other.port, next.port) && (next.shared === undefined || other.shared !== next.shared),
  );
  if (rival) {
    const { hostPort, protocol } = next.port;
    problems.error(
      next.path,
      `port ${hostPort}${protocol === "udp" ? "/udp" : ""} of ${host} is taken by ${rival.who} already`,
      "give one of them another port, or another host",
    );
  }
  claims.push(next);
}

function clash(left: PortBinding, right: PortBinding): boolean {
  if (left.hostPort !== right.hostPort || left.protocol !== right.protocol) return false;
  const everywhere = (address: string | undefined) =>
    address === undefined || address === "0.0.0.0" || address === "::";
  return everywhere(left.address) || everywhere(right.address) || left.address === right.address;
}
