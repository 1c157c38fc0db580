import type { Folder, Health } from "./detection.ts";

/** Ports of databases, queues and mail: a program that names one connects to it. */
const ofOthers = new Set([
  25, 443, 465, 587, 1433, 1521, 2181, 3306, 4222, 5432, 5672, 6379, 9042, 9092, 9200, 11_211, 27_017,
]);

/** How programs say their port, the surest first. */
const portPatterns: readonly RegExp[] = [
  // process.env.PORT || 3000, environ.get("PORT", "8000"), Number(env.PORT) ?? 3000
  /\bPORT\b["'\])]*\s*(?:\|\||\?\?|,|\bor\b)\s*["'`]?(\d{2,5})\b/g,
  // const { PORT = "8080" } = process.env
  /\bPORT\s*=\s*["']?(\d{2,5})\b/g,
  // env::var("PORT").unwrap_or("3000".into())
  /["']PORT["']\)[^;\n]{0,80}?["'(\s](\d{4,5})\b/g,
  /\.listen\(\s*(?:\{\s*port:\s*)?(\d{2,5})\b/gi,
  // http.ListenAndServe(":8080", …), Addr: ":8080", router.Run(":8080"), bind("0.0.0.0:3000")
  /["'`](?:0\.0\.0\.0|\[::\])?:(\d{2,5})["'`]/g,
  // HTTPServer(("", 8000), …)
  /\(\s*["'](?:0\.0\.0\.0|)["']\s*,\s*(\d{2,5})\s*\)/g,
  // SocketAddr::from(([0, 0, 0, 0], 3000))
  /\(\s*\[\s*0(?:\s*,\s*0){3}\s*\]\s*,\s*(\d{2,5})\s*\)/g,
  /\bport\s*:?=\s*["']?(\d{2,5})\b/gi,
  /\bport:\s*["']?(\d{2,5})\b/gi,
];

/** The port that a program's text says it listens on. */
export function portIn(text: string): number | undefined {
  for (const pattern of portPatterns) {
    for (const match of text.matchAll(pattern)) {
      const port = Number(match[1]);
      if (port <= 65_535 && !ofOthers.has(port)) return port;
    }
  }
  return undefined;
}

/** The path that a program's text answers health checks on. What a router answers may stand below another path. */
function healthPathIn(text: string): string | undefined {
  const route = /["'`](?:GET )?(\/(?:[\w-]+\/)*(?:healthz?|health-?check|livez?|readyz?|ready|ping|_health))["'`]/i;
  for (const line of text.split("\n")) {
    const path = /rout(?:er|es)\b|fetch\(|axios/i.test(line) ? undefined : route.exec(line)?.[1];
    if (path !== undefined) return path;
  }
  return undefined;
}

/** What the first of these files that tells something tells. */
export function hintsIn(folder: Folder, files: readonly string[]): { port: number | undefined; health: Health } {
  const texts = files.flatMap((file) => folder.read(file) ?? []);
  const first = <T>(read: (text: string) => T | undefined): T | undefined => {
    for (const text of texts) {
      const found = read(text);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const path = first(healthPathIn);
  return { port: first(portIn), health: path === undefined ? "port" : { path } };
}
