/**
 * What a reverse proxy is told, in no proxy's own terms. A driver turns the sites of one proxy container into that
 * program's configuration, and says how the program is started and given a new one. Drivers are pure: the rollout
 * writes the files and runs the commands.
 */

/** A container of the app: its DNS name on the stage's network, which outlives a change of address, and its port. */
export interface Upstream {
  readonly name: string;
  readonly port: number;
}

export type SiteTls =
  /** Plain HTTP alone. */
  | { readonly kind: "off" }
  /** Certificates from an ACME server; without `directory` from Let's Encrypt. */
  | { readonly kind: "auto"; readonly email: string | undefined; readonly directory: string | undefined }
  /** Certificates from the proxy's own authority, for names that no public authority knows. */
  | { readonly kind: "internal" }
  /** The user's own certificate and key: `certificateFile` and `keyFile` of the site. */
  | { readonly kind: "own"; readonly fingerprint: string };

/** One stage as a proxy serves it. Plain data, kept as JSON beside the proxy's configuration; no secret is in it. */
export interface Site {
  /** `shop-prod`: unique in one proxy, and a file name. */
  readonly id: string;
  readonly environment: string;
  readonly stage: string;
  /** Name of the release, for people. */
  readonly release: string;
  /** Host names; empty for whatever name is asked for. */
  readonly domains: readonly string[];
  /** Path prefix, such as `/` or `/shop`; longer ones win. */
  readonly path: string;
  /** True where the app does not get to see the prefix. */
  readonly stripPath: boolean;
  /** Ports inside the proxy's container that serve this site by plain HTTP; empty for 80 and 443 by `domains`. */
  readonly ports: readonly number[];
  readonly tls: SiteTls;
  /** Port that browsers know for HTTPS, where redirects to it must name one: 443 unless it is published elsewhere. */
  readonly httpsPort: number;
  readonly upstreams: readonly Upstream[];
  readonly canary:
    | { readonly upstreams: readonly Upstream[] /** Percent of requests. */; readonly weight: number }
    | undefined;
  /** True while every request is answered with 503 and the page. */
  readonly maintenance: boolean;
  /** HTML of the user's own; undefined for a plain one. */
  readonly maintenancePage: string | undefined;
  /** HTML for when the app cannot be reached (502, 503, 504 of the proxy's own). */
  readonly errorPage: string | undefined;
  /** Bytes of a request's body; a larger one is answered with 413 (HAProxy: one of unknown length with 411). */
  readonly maxBody: number | undefined;
  /** Milliseconds until a response must have begun. */
  readonly responseTimeout: number;
  /** Milliseconds that requests and connections of a replaced configuration may go on. */
  readonly drain: number;
  readonly accessLog: boolean;
  /** Networks (CIDR) and addresses of other proxies in front, whose X-Forwarded headers are passed on; nobody's without. */
  readonly trustedProxies?: readonly string[];
  /** How many configurations the site has had, in a proxy that heeds `turnFolder`. In no plan. */
  readonly turns?: number;
}

/** Folder in the proxy's container, on a volume, that holds all that envctl writes. */
export const proxyFolder = "/envctl";

/** PEM, certificate first and then its chain. */
export function certificateFile(site: Pick<Site, "id">): string {
  return `${proxyFolder}/certificates/${site.id}.crt`;
}

export function keyFile(site: Pick<Site, "id">): string {
  return `${proxyFolder}/certificates/${site.id}.key`;
}

/** Of what its sites are turned to. */
export const turnedFolder = `${proxyFolder}/turned`;

export type ProxyDriverName = "caddy" | "haproxy";

/** Lines for one shell (POSIX sh), one part after the other; constant texts. */
interface ProxyActivation {
  /** Run as soon as a change is likely, and seconds or minutes before it comes, if it does. */
  readonly prepare: string;
  /**
   * The body of a function, run once `nextFile` is written: checks it, makes it live and moves it to `file`. Returns
   * another code than 0 and says why on stderr if it is no good; then the old one still serves. Calls `remember_clients`
   * right before the program is told, where that answers by the old one whoever was connected before and asks later.
   */
  readonly activate: string;
  /** Run last, on one line, whatever became of it; also where no change came. */
  readonly conclude: string;
}

export interface ProxyDriver {
  readonly name: ProxyDriverName;
  /** The official image that is used unless the environment file names another. */
  readonly image: string;
  /** Absolute path of the configuration it starts with: it survives a restart of container and host. */
  readonly file: string;
  /** Absolute path where the rollout puts a new configuration before `activate` runs. */
  readonly nextFile: string;
  /** Command of the container, run as root of the container. */
  readonly command: readonly string[];
  /** Volumes of its own beside `/envctl`, by the path they are mounted at: certificates that it obtained. */
  readonly volumes: Readonly<Record<string, string>>;
  /**
   * Kernel parameters of the container's network, without which a reload may lose connections. An engine on a kernel
   * that has no such parameter does not start the container: then it is started without them.
   */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** How a new configuration is made live, in the container. */
  readonly activation: ProxyActivation;
  /** True where it heeds `turnFolder`; else another release is another configuration. */
  readonly turns: boolean;
  /** Why this driver cannot serve such a site, for people; undefined if it can. */
  refuses(site: Site): string | undefined;
  /** Why one proxy cannot serve all these sites, each of which it could, for people; undefined if it can. */
  refusesTogether?(sites: readonly Site[]): string | undefined;
  /**
   * The whole configuration. `GET /revision` at `revisionPort` (never published) answers `revision` as plain text once
   * it is live, followed by `+` and `id/file` for each site that was turned (`turnFile`); no other path of that port answers with
   * 200.
   */
  render(sites: readonly Site[], revision: string): string;
  /** One line of the proxy's output, where it is an access log line of a site; else undefined. */
  readAccess(line: string): Access | undefined;
}

/** One request, as the proxy logged it. */
export interface Access {
  readonly site: string;
  /** `name` of the upstream that answered; undefined where none did. */
  readonly upstream: string | undefined;
  /** Where none answered: `name` of the one that was asked last, and failed to. */
  readonly tried?: string | undefined;
  /** HTTP status that the client got. */
  readonly status: number;
  /** Milliseconds. */
  readonly duration: number;
  /** `GET shop.example.com/cart`: what the client asked for, and in its words. Not every driver logs it. */
  readonly request?: string;
}

/** Inside the proxy's container; read-only, and tells nothing but the revision. */
export const revisionPort = 9101;
