import { parsePathPattern } from "../base/path-pattern.ts";
import type { CheckDocument, HttpCheckDocument, TcpCheckDocument, VerifyDocument } from "./document.ts";
import type { Service, StageProxy, Workload } from "./model.ts";
import { type Path, pathText } from "./problems.ts";
import { readStatuses, readTextPattern } from "./read-expectations.ts";
import { type Reading, readCommand, readDuration, readLimit } from "./read-values.ts";
import type { Check, HttpCheck, HttpTarget, LocalCheck, RunCheck, TcpCheck, Verification } from "./verification.ts";

const kinds = ["http", "tcp", "run", "local"] as const;
type Kind = (typeof kinds)[number];

/** A connection fails for reasons that pass, such as a certificate on its way; a test suite that fails has found something. */
const defaults: Readonly<Record<Kind, { readonly timeout: number; readonly retries: number }>> = {
  http: { timeout: 10_000, retries: 5 },
  tcp: { timeout: 10_000, retries: 5 },
  run: { timeout: 600_000, retries: 0 },
  local: { timeout: 600_000, retries: 0 },
};
const defaultInterval = 2000;

/** What of a stage its checks are about. */
interface CheckedStage {
  readonly app: Workload;
  readonly services: readonly Service[];
  readonly proxy: StageProxy | undefined;
}

/** The checks of a stage; none without a section. */
export function readVerify(
  reading: Reading,
  path: Path,
  document: VerifyDocument | undefined,
  stage: CheckedStage,
): Verification {
  const section = isSection(document) ? document : { checks: document, on_failure: undefined };
  const checksPath = isSection(document) ? [...path, "checks"] : path;
  const names = new Set<string>();
  const checks = (section.checks ?? []).flatMap((check, index): Check[] => {
    const at = [...checksPath, index];
    if (names.has(check.name)) {
      reading.problems.error(
        [...at, "name"],
        `there is a check \`${check.name}\` already`,
        "each has a name of its own",
      );
    }
    names.add(check.name);
    return readCheck(reading, at, check, stage);
  });
  return { checks, onFailure: section.on_failure ?? "keep" };
}

function isSection(document: VerifyDocument | undefined): document is Exclude<VerifyDocument, readonly unknown[]> {
  return document !== undefined && !Array.isArray(document);
}

function readCheck(reading: Reading, path: Path, document: CheckDocument, stage: CheckedStage): Check[] {
  const [kind, other] = kinds.filter((candidate) => document[candidate] !== undefined);
  if (kind === undefined) {
    // A key that is misspelt was told already.
    if (reading.problems.list().some((problem) => problem.path.startsWith(`${pathText(path)}.`))) return [];
    const hint = "give it one of `http`, `tcp`, `run` and `local`";
    reading.problems.error(path, `the check \`${document.name}\` checks nothing`, hint);
    return [];
  }
  if (other !== undefined) {
    reading.problems.keyError(
      [...path, other],
      `a check is of one kind: this one has \`${kind}\` already`,
      "make two checks of it, each with a name of its own",
    );
    return [];
  }
  if (document.junit !== undefined && kind !== "run" && kind !== "local") {
    reading.problems.keyError(
      [...path, "junit"],
      `\`${kind}\` writes no JUnit report`,
      "only the command of `run` or `local` does",
    );
  }
  const timeout = readLimit(reading, [...path, "timeout"], document.timeout, defaults[kind].timeout);
  const particulars = readKind(reading, path, kind, document, stage);
  if (!particulars) return [];
  if (particulars.kind === "http" && particulars.within !== undefined && particulars.within > timeout) {
    reading.problems.error(
      [...path, "http", "within"],
      "the check is over before that: its `timeout` is shorter",
      "give it a longer `timeout`",
    );
  }
  return [
    {
      name: document.name,
      timeout,
      retries: document.retries ?? defaults[kind].retries,
      interval: readDuration(reading, [...path, "interval"], document.interval, defaultInterval),
      ...particulars,
    },
  ];
}

function readKind(
  reading: Reading,
  path: Path,
  kind: Kind,
  document: CheckDocument,
  stage: CheckedStage,
): HttpCheck | TcpCheck | RunCheck | LocalCheck | undefined {
  const at = [...path, kind];
  if (kind === "http") return readHttp(reading, at, document.http ?? {}, stage);
  if (kind === "tcp") return readTcp(reading, at, document.tcp ?? {}, stage);
  const command = readCommand(reading, at, document[kind]);
  const { junit } = document;
  if (junit !== undefined && !parsePathPattern(junit)) {
    reading.problems.error([...path, "junit"], `"${junit}" is no path or pattern`, "such as reports/*.xml");
  }
  return command && { kind, command, junit };
}

function readHttp(
  reading: Reading,
  path: Path,
  document: HttpCheckDocument,
  stage: CheckedStage,
): HttpCheck | undefined {
  const target = readTarget(reading, path, document, stage);
  const method = document.method ?? "GET";
  const body = readTextPattern(reading, [...path, "body"], document.body);
  if (body && method === "HEAD") {
    reading.problems.error([...path, "body"], "the answer to HEAD has no body", "use `method: GET`");
  }
  const headers = document.headers ?? {};
  for (const [name, value] of Object.entries(headers)) {
    // RFC 9110 §5.5: no line breaks, no other control characters.
    if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) continue;
    reading.problems.error([...path, "headers", name], "this cannot be sent in a header", "one line of Latin letters");
  }
  const expected = Object.entries(document.expect_headers ?? {}).flatMap(([name, text]) => {
    const pattern = readTextPattern(reading, [...path, "expect_headers", name], text);
    return pattern ? [[name.toLowerCase(), pattern] as const] : [];
  });
  return (
    target && {
      kind: "http",
      target,
      method,
      status: readStatuses(reading, [...path, "status"], document.status),
      headers,
      expectHeaders: Object.fromEntries(expected),
      body,
      within:
        document.within === undefined ? undefined : readDuration(reading, [...path, "within"], document.within, 0),
    }
  );
}

function readTarget(
  reading: Reading,
  path: Path,
  document: HttpCheckDocument,
  stage: CheckedStage,
): HttpTarget | undefined {
  const wrong = (at: Path, message: string, hint: string) => {
    reading.problems.error(at, message, hint);
    return undefined;
  };
  const { url, path: asked } = document;
  if (url !== undefined) {
    if (asked !== undefined) {
      return wrong(
        [...path, "path"],
        "an HTTP check asks for a `path` or a `url`, not both",
        "take one of the two away",
      );
    }
    if (document.port !== undefined) return wrong([...path, "port"], "a `url` has its port in it", "write it there");
    if (/^https?:\/\/[^\s]+$/.test(url) && URL.canParse(url)) return { kind: "url", url };
    // Not repeated: a password out of a variable may be in it.
    return wrong([...path, "url"], "this is no address that HTTP goes to", "such as https://shop.example.com/healthz");
  }
  if (asked === undefined) {
    return wrong(path, "an HTTP check asks for a `path` of the app, or for a `url`", "such as `path: /`");
  }
  if (!/^\/[\x21-\x7e]*$/.test(asked)) {
    return wrong([...path, "path"], `"${asked}" is no path of a URL`, "it begins with a slash: /healthz");
  }
  if (stage.proxy && document.port === undefined) {
    const prefix = stage.proxy.path.replace(/\/+$/, "");
    if (asked === prefix || asked.startsWith(`${prefix}/`)) return { kind: "proxy", path: asked };
    return wrong(
      [...path, "path"],
      `clients reach the app below \`${stage.proxy.path}\` (\`proxy.path\`) alone`,
      `did you mean \`${prefix}${asked}\`?`,
    );
  }
  const port = document.port ?? stage.app.port;
  if (port !== undefined) return { kind: "containers", path: asked, port };
  return wrong(path, "this check needs a port", "say which one the program listens on: `app.port`");
}

function readTcp(reading: Reading, path: Path, document: TcpCheckDocument, stage: CheckedStage): TcpCheck | undefined {
  const service = stage.services.find((candidate) => candidate.name === document.service);
  if (document.service !== undefined && !service) {
    const names = stage.services.map(({ name }) => name).join(", ");
    reading.problems.error(
      [...path, "service"],
      `the stage has no service \`${document.service}\``,
      names === "" ? "it has none at all" : `its services are: ${names}`,
    );
    return undefined;
  }
  const port = document.port ?? (service ?? stage.app).port;
  if (port !== undefined) return { kind: "tcp", port, service: document.service };
  reading.problems.error(path, "this check needs a port", "such as `tcp: { port: 5432 }`");
  return undefined;
}
