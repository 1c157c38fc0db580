import { doneLine } from "../engine/capture.ts";
import { type ProxyDriver, proxyFolder, turnedFolder } from "../proxy/proxy.ts";
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
    `for site in $stale; do rm -f "${turnedFolder}/$site" || unwritten; done`,
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

/** `stale` are ids of sites (file names): what is left of their `turnedFile` goes before. */
export function activationInput(sites: string, configuration: string, stale: readonly string[]): string {
  return `${Buffer.byteLength(configuration)}\n${stale.join(" ")}\n${sites}\n${configuration}`;
}

/** Whether the command ended with this code since it did not get, or could not write, all of its input. */
export function isUnwritten(exitCode: number): boolean {
  return exitCode === unwrittenCode || exitCode === untoldCode;
}
