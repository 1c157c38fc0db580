import { doneLine } from "../engine/capture.ts";
import { type ProxyDriver, proxyFolder, type Site, turnedFolder } from "../proxy/proxy.ts";
import { turnFolder } from "../proxy/turn.ts";
import { rememberClients } from "./early-clients.ts";
import { nextSitesFile, sitesFile } from "./proxy-state.ts";

/** Exit codes (EX_CANTCREAT and EX_TEMPFAIL of sysexits(3)): not all was written, and nothing was told. */
const unwrittenCode = 73;
const untoldCode = 75;

/**
 * The command by which a proxy is given a new configuration, which it takes from standard input (`activationInput`): one
 * that was cut short is not made live. What is in the file of sites is live: it takes its place, whole, once the proxy has
 * taken the configuration. Killed between the two, the next run makes it live once more; what was not taken is not left
 * behind. Constant text.
 */
export function activationCommand({ nextFile, activation }: ProxyDriver): string[] {
  const script = [
    "umask 077",
    rememberClients,
    `activate() {\n${activation.activate}\n}`,
    `give_up() { rm -f ${nextSitesFile} ${nextFile}; ${activation.conclude}; exit "$1"; }`,
    `unwritten() { df -k ${proxyFolder} >&2; give_up ${unwrittenCode}; }`,
    activation.prepare,
    `IFS= read -r length && IFS= read -r stale && IFS= read -r sites || { ${activation.conclude}; exit ${untoldCode}; }`,
    "for kept in $stale; do",
    `for folder in "${turnedFolder}/\${kept%.*}".*; do`,
    `[ "$folder" = "${turnedFolder}/$kept" ] || rm -rf "$folder" || unwritten`,
    "done",
    "done",
    `printf '%s' "$sites" >${nextSitesFile} || unwritten`,
    `head -c "$length" >${nextFile} && [ "$(wc -c <${nextFile})" -eq "$length" ] || unwritten`,
    "activate || give_up $?",
    `mv -f ${nextSitesFile} ${sitesFile}`,
    "code=$?",
    activation.conclude,
    `[ "$code" -ne 0 ] || echo "${doneLine}"`,
    "exit $code",
  ];
  return ["sh", "-c", script.join("\n")];
}

/** As in `ProxyLoad`: ids of sites are part of names of files. */
export function activationInput(
  sites: string,
  configuration: string,
  stale: readonly Pick<Site, "id" | "turns">[],
): string {
  const kept = stale.map((site) => turnFolder(site).slice(turnedFolder.length + 1));
  return `${Buffer.byteLength(configuration)}\n${kept.join(" ")}\n${sites}\n${configuration}`;
}

/** Whether the command ended with this code since it did not get, or could not write, all of its input. */
export function isUnwritten(exitCode: number): boolean {
  return exitCode === unwrittenCode || exitCode === untoldCode;
}
