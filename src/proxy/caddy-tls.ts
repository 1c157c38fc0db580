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

/** Which certificate a connection gets: that of a name before that of a wildcard, and a user's own before one that was obtained. */
export function connectionPolicies(sites: readonly Site[]): object[] {
  const own = sites.filter(({ tls }) => tls.kind === "own");
  const obtained = sites.filter(({ tls }) => tls.kind !== "own").flatMap(({ domains }) => domains);
  const selected = (site: Site) => ({ certificate_selection: { any_tag: [tagOf(site)] } });
  const nameless = own.find(({ domains }) => domains.length === 0);
  // The first that matches counts, and a wildcard matches the names that it covers.
  const named = [isExact, isWildcard].flatMap((kind) => [
    ...own.flatMap((site) => matching(site.domains.filter(kind), selected(site))),
    ...matching([...new Set(obtained.filter(kind))], {}),
  ]);
  return [...(own.length > 0 ? named : []), nameless ? selected(nameless) : {}];
}

function matching(names: readonly string[], policy: object): object[] {
  return names.length > 0 ? [{ match: { sni: names }, ...policy }] : [];
}

function isWildcard(domain: string): boolean {
  return domain.includes("*");
}

function isExact(domain: string): boolean {
  return !isWildcard(domain);
}

/** Another certificate in the same file is another tag: Caddy loads no configuration that is the same. */
function tagOf(site: Site): string {
  return `${site.id} ${site.tls.kind === "own" ? site.tls.fingerprint : ""}`;
}

/**
 * One policy for each issuer; a name belongs to the first site that has it. Caddy takes the first policy that has a name or a
 * wildcard that covers it, and only the proxy's own authority is asked for wildcards: its policy is the last.
 */
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
  const wide = ({ subjects }: { readonly subjects: readonly string[] }) => Number(subjects.some(isWildcard));
  return [...policies.values()].sort((a, b) => wide(a) - wide(b));
}

function issuerOf({ tls }: Site): object {
  if (tls.kind !== "auto") return { module: "internal" };
  return {
    module: "acme",
    ...(tls.directory === undefined ? {} : { ca: tls.directory }),
    ...(tls.email === undefined ? {} : { email: tls.email }),
  };
}
