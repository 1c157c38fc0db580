import { formatBytes } from "../../base/bytes.ts";
import { parseImageReference } from "../../base/reference.ts";
import type { ImageRules } from "../../environment/gates.ts";
import type { GateFacts, ImagePlatform } from "./facts.ts";
import type { JudgedGate } from "./judged-gate.ts";
import { judgeSbom } from "./sbom.ts";
import { judgeVulnerabilities } from "./vulnerabilities.ts";

/** What is asked of the image, on each of its platforms. */
export function judgeImage(
  rules: ImageRules,
  facts: Pick<GateFacts, "image" | "provenance">,
  now: number,
): JudgedGate[] {
  return [
    ...(rules.nonRoot ? [nonRoot(facts)] : []),
    ...(rules.noLatestBase ? [noLatestBase(facts)] : []),
    ...(rules.maxSize ? [maxSize(rules.maxSize, facts)] : []),
    ...(rules.vulnerabilities ? [judgeVulnerabilities(rules.vulnerabilities, facts.image, now)] : []),
    ...(rules.sbom ? [judgeSbom(rules.sbom, facts.image)] : []),
  ];
}

/** The file's `user` goes before the image's own, and so it does here. */
function nonRoot({ image }: Pick<GateFacts, "image">): JudgedGate {
  const gate = "image.non_root";
  const found = image.platforms.flatMap((platform) =>
    image.programs.map((program) => ({ program, platform, user: program.user ?? platform.user })),
  );
  const roots = found.filter(({ user }) => isRoot(user));
  if (roots.length === 0) {
    return { gate, open: true, found: `runs as ${[...new Set(found.map(({ user }) => user))].join(", ")}` };
  }
  const words = roots.map(
    ({ program, platform }) => `${program.name}${onPlatform(image.platforms, platform.platform)}`,
  );
  return {
    gate,
    open: false,
    found: `root runs ${[...new Set(words)].join(", ")}`,
    missing: "USER in the Dockerfile's last stage, or `app.user` in the environment file",
  };
}

/** Empty, `root` or 0, with a group or without; other names are taken for what they say. */
function isRoot(user: string): boolean {
  const [name = ""] = user.split(":");
  return name === "" || name === "root" || /^[+-]?0+$/.test(name);
}

function noLatestBase({ provenance }: Pick<GateFacts, "provenance">): JudgedGate {
  const gate = "image.no_latest_base";
  if ("unknown" in provenance) {
    const found = `its base images are not known: ${provenance.unknown}`;
    return { gate, open: false, found, missing: "build it anew with envctl, which writes a provenance" };
  }
  const { bases } = provenance;
  const latest = bases.filter(isLatest);
  if (latest.length > 0) {
    const missing = "name a version in FROM, such as node:20-slim, and build that";
    return { gate, open: false, found: `based on ${latest.join(", ")}`, missing };
  }
  return { gate, open: true, found: bases.length > 0 ? `based on ${bases.join(", ")}` : "based on no image" };
}

/** What is pinned by a digest is that very image, whatever it is called. */
function isLatest(base: string): boolean {
  const reference = parseImageReference(base);
  return !reference || (!reference.digest && (reference.tag ?? "latest") === "latest");
}

function maxSize(
  limit: { readonly bytes: number; readonly text: string },
  { image }: Pick<GateFacts, "image">,
): JudgedGate {
  const gate = "image.max_size";
  const sizes = image.platforms.map(
    ({ platform, size }) => `${formatBytes(size)}${onPlatform(image.platforms, platform)}`,
  );
  const found = `${sizes.join(", ")}, of ${limit.text} (${formatBytes(limit.bytes)})`;
  if (image.platforms.every(({ size }) => size <= limit.bytes)) return { gate, open: true, found };
  return {
    gate,
    open: false,
    found,
    missing: "a smaller image: a slim base, a stage of its own for what only the build needs",
  };
}

/** Named only where there are several. */
function onPlatform(platforms: readonly ImagePlatform[], name: string): string {
  return platforms.length > 1 ? ` on ${name}` : "";
}
