import { matchesName } from "../../base/name-pattern.ts";
import type { SbomRule } from "../../environment/gates.ts";
import { forbiddenBy } from "../reports/license.ts";
import type { ListedPackage, SbomReport } from "../reports/report.ts";
import type { AttachedReport, ImageFacts } from "./facts.ts";
import type { JudgedGate } from "./judged-gate.ts";

const gate = "image.sbom";

/** Every list of packages that is attached counts: what one of them tells of is in the image. */
export function judgeSbom(rule: SbomRule, image: ImageFacts): JudgedGate {
  const lists = image.reports.filter(isSbom);
  const several = image.platforms.length > 1;
  const without = image.platforms.filter(
    ({ platform }) => !lists.some((one) => one.platform === undefined || one.platform === platform),
  );
  if (without.length > 0 && (rule.required || lists.length === 0)) {
    const place = several && lists.length > 0 ? ` of ${without.map(({ platform }) => platform).join(", ")}` : "";
    const why = image.unreadable.length > 0 ? ` that counts: ${image.unreadable.join(", ")}` : " is attached";
    const found = `no list of packages (SBOM)${place}${why}`;
    if (!rule.required) return { gate, open: true, found };
    return {
      gate,
      open: false,
      found,
      missing: "make one and attach it, such as: syft -o cyclonedx-json, then oras attach",
    };
  }
  const packages = lists.flatMap(({ report }) => report.packages);
  const wrong = new Set(packages.flatMap((one) => wrongWith(one, rule)));
  const named = [...new Set(lists.map(({ report }) => report.format))].join(", ");
  const found = `${packages.length} packages in ${named}`;
  if (wrong.size === 0) return { gate, open: true, found };
  const [some, more] = [[...wrong].slice(0, 5), wrong.size - 5];
  return {
    gate,
    open: false,
    found: `${found}: ${some.join(", ")}${more > 0 ? ` and ${more} more` : ""}`,
    missing: "build it without them",
  };
}

function isSbom(one: AttachedReport): one is AttachedReport & { readonly report: SbomReport } {
  return one.report.kind === "sbom";
}

function wrongWith(one: ListedPackage, rule: SbomRule): string[] {
  const version = one.version === undefined ? "" : `@${one.version}`;
  const names = one.names.flatMap((name) => [name, `${name}${version}`]);
  const title = `${one.names[0] ?? ""}${version}`;
  const forbidden = rule.forbid.some((pattern) => names.some((name) => matchesName(pattern, name)));
  const license = one.licenses.flatMap((expression) => forbiddenBy(expression, rule.forbidLicenses) ?? [])[0];
  return [...(forbidden ? [title] : []), ...(license === undefined ? [] : [`${title} (${license})`])];
}
