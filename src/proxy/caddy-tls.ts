import { certificateFile, keyFile, type Site } from "./proxy.ts";

/** The TLS application of Caddy: which certificates it has, and which it gets from whom. */
export function tlsApplication(sites: readonly Site[]): object {
  const managed = sites.filter(({ tls }) => tls.kind === "auto" || tls.kind === "internal");
  const own = sites.filter(({ tls }) => tls.kind === "own");
  return {
    certificates: {
      automate: [...new Set(managed.flatMap(({ domains }) => domains))],
      load_files: own.map((site) => ({ certificate: certificateFile(site), key: keyFile(site), tags: [tagOf(site)] })),
    },
    automation: { policies: automationPolicies(managed) },
  };
}

/** Which certificate a connection gets: a user's own for that site's names, else the one that has the name. */
export function connectionPolicies(sites: readonly Site[]): object[] {
  const own = sites.filter(({ tls }) => tls.kind === "own");
  const selected = (site: Site) => ({ certificate_selection: { any_tag: [tagOf(site)] } });
  const named = own.filter(({ domains }) => domains.length > 0);
  const nameless = own.find(({ domains }) => domains.length === 0);
  return [
    ...named.map((site) => ({ match: { sni: site.domains }, ...selected(site) })),
    ...(managedNames(sites).length > 0 && nameless ? [{ match: { sni: managedNames(sites) } }] : []),
    nameless ? selected(nameless) : {},
  ];
}

function managedNames(sites: readonly Site[]): string[] {
  const managed = sites.filter(({ tls }) => tls.kind === "auto" || tls.kind === "internal");
  return [...new Set(managed.flatMap(({ domains }) => domains))];
}

/** Another certificate in the same file is another tag: Caddy loads no configuration that is the same. */
function tagOf(site: Site): string {
  return `${site.id} ${site.tls.kind === "own" ? site.tls.fingerprint : ""}`;
}

/** One policy for each issuer; a name belongs to the first site that has it. */
function automationPolicies(managed: readonly Site[]): object[] {
  const policies = new Map<string, { subjects: string[]; issuers: object[] }>();
  const taken = new Set<string>();
  for (const site of managed) {
    const issuer = issuerOf(site);
    const key = JSON.stringify(issuer);
    const policy = policies.get(key) ?? { subjects: [], issuers: [issuer] };
    for (const name of site.domains.filter((domain) => !taken.has(domain))) {
      taken.add(name);
      policy.subjects.push(name);
    }
    if (policy.subjects.length > 0) policies.set(key, policy);
  }
  return [...policies.values()];
}

function issuerOf({ tls }: Site): object {
  if (tls.kind !== "auto") return { module: "internal" };
  return {
    module: "acme",
    ...(tls.directory === undefined ? {} : { ca: tls.directory }),
    ...(tls.email === undefined ? {} : { email: tls.email }),
  };
}
