import { formatDuration } from "../base/duration.ts";
import { formatLocal } from "../base/zoned-time.ts";
import type { Gates, ImageRules } from "./gates.ts";

/** Gates in the words of the environment file, for `envctl config`. */
export function gatesDocument(gates: Gates) {
  const { approvals, git } = gates;
  return {
    ...optional("soak", gates.soak, formatDuration),
    ...optional("approvals", approvals, ({ count, by, notAuthor }) => ({
      count,
      ...(by ? { by } : {}),
      not_author: notAuthor,
    })),
    ...optional("window", gates.windows.length > 0 ? gates.windows : undefined, (windows) =>
      windows.map(({ text }) => text),
    ),
    ...optional("freezes", gates.freezes.length > 0 ? gates.freezes : undefined, (freezes) =>
      freezes.map(({ from, to, zone, reason }) => ({
        from: localText(from),
        to: localText(to),
        zone,
        ...(reason === "" ? {} : { reason }),
      })),
    ),
    ...optional("max_age", gates.maxAge, formatDuration),
    ...(git.clean || git.signed || git.branches.length > 0
      ? { git: { clean: git.clean, branches: git.branches, signed: git.signed } }
      : {}),
    ...imageDocument(gates.image),
    ...(gates.provenance ? { provenance: true } : {}),
    overridable: gates.overridable,
  };
}

function imageDocument({ nonRoot, noLatestBase, maxSize, vulnerabilities, sbom }: ImageRules) {
  if (!nonRoot && !noLatestBase && !maxSize && !vulnerabilities && !sbom) return {};
  return {
    image: {
      non_root: nonRoot,
      no_latest_base: noLatestBase,
      ...optional("max_size", maxSize, ({ text }) => text),
      ...optional("vulnerabilities", vulnerabilities, ({ max, maxAge }) => ({
        max,
        ...optional("max_age", maxAge, formatDuration),
      })),
      ...optional("sbom", sbom, ({ required, forbid, forbidLicenses }) => ({
        required,
        forbid,
        licenses: { forbid: forbidLicenses },
      })),
    },
  };
}

function optional<Value>(key: string, value: Value | undefined, text: (value: Value) => unknown) {
  return value === undefined ? {} : { [key]: text(value) };
}

function localText(local: number): string {
  return formatLocal(local).slice(4).replace(" ", "T");
}
