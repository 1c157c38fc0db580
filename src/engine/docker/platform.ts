/** What kernels call an architecture, in the registries' (Go's) terms: OCI image-spec, image-index.md §platform. */
const architectures: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  x86_64: { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  arm64: { architecture: "arm64" },
  armv7l: { architecture: "arm", variant: "v7" },
  armv6l: { architecture: "arm", variant: "v6" },
  i386: { architecture: "386" },
  i686: { architecture: "386" },
};

/** `linux/amd64`, `linux/arm/v7`. The variant `v8` of arm64 is the only one there is, and left out. */
export function platformName(system: string, architecture: string, variant?: string): string {
  const known = architectures[architecture] ?? { architecture };
  const kind = variant || known.variant;
  const shown = kind && !(known.architecture === "arm64" && kind === "v8") ? `/${kind}` : "";
  return `${system}/${known.architecture}${shown}`;
}
