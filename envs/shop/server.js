import { readFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { hostname } from "node:os";

const { PORT = "8080", DATA = "/var/lib/shop" } = process.env;
const file = `${DATA}/visits.json`;
const started = Date.now();

/** What this container is, and how it was configured: the same image says something else in every stage. */
function describe() {
  const { ENVCTL_ENVIRONMENT, ENVCTL_STAGE, ENVCTL_RELEASE, ENVCTL_DIGEST, GREETING, LOG_LEVEL } = process.env;
  return {
    environment: ENVCTL_ENVIRONMENT,
    stage: ENVCTL_STAGE,
    release: ENVCTL_RELEASE,
    digest: ENVCTL_DIGEST,
    configuration: { GREETING, LOG_LEVEL },
    host: hostname(),
    node: process.version,
    uptime: Math.round((Date.now() - started) / 1000),
  };
}

async function readVisits() {
  try {
    return JSON.parse(await readFile(file, "utf8")).count;
  } catch (error) {
    // Each host has a volume of its own, and the migration runs on the first alone.
    if (error.code === "ENOENT") return 0;
    throw error;
  }
}

/** One after the other, or two visits at once would count as one. */
let turn = Promise.resolve();
function countVisit() {
  const visit = turn.then(async () => {
    const count = (await readVisits()) + 1;
    // In one step: who reads meanwhile gets the old count or the new one, never half a file.
    await writeFile(`${file}.new`, JSON.stringify({ count }));
    await rename(`${file}.new`, file);
    return count;
  });
  // One that failed (a full disk, say) fails alone.
  turn = visit.catch(() => {});
  return visit;
}

function escapeHtml(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(facts) {
  const rows = Object.entries(facts).map(([name, value]) => `<tr><th>${name}<td>${escapeHtml(JSON.stringify(value))}`);
  return `<!doctype html><title>shop</title><h1>${escapeHtml(facts.configuration.GREETING ?? "Hello")}</h1><table>${rows.join("")}</table>`;
}

let stopping = false;

const routes = {
  "GET /": (request) => {
    const facts = describe();
    const wantsJson = (request.headers.accept ?? "").includes("application/json");
    return wantsJson ? ["application/json", JSON.stringify(facts)] : ["text/html; charset=utf-8", page(facts)];
  },
  "GET /healthz": async () => {
    const visits = await readVisits();
    return stopping ? ["text/plain", "stopping", 503] : ["text/plain", `ready after ${visits} visits`];
  },
  "GET /visits": async () => ["application/json", JSON.stringify({ count: await readVisits() })],
  "POST /visits": async () => ["application/json", JSON.stringify({ count: await countVisit() })],
};

const server = createServer(async (request, response) => {
  const path = (request.url ?? "/").split("?")[0];
  const route = routes[`${request.method} ${path}`] ?? (() => ["text/plain", "not found", 404]);
  // A connection that is kept alive would go on bringing requests to a server that stops.
  if (stopping) response.setHeader("Connection", "close");
  try {
    const [type, body, status = 200] = await route(request);
    response.writeHead(status, { "Content-Type": type }).end(body);
  } catch (error) {
    console.error(`${request.method} ${path}: ${error.message}`);
    response.writeHead(500, { "Content-Type": "text/plain" }).end("something went wrong; see the log");
  }
  if (process.env.LOG_LEVEL === "debug") console.log(`${request.method} ${path} ${response.statusCode}`);
});

server.listen(Number(PORT), () => console.log(`shop listens on ${PORT} as ${process.env.ENVCTL_STAGE ?? "no stage"}`));

// What is under way is answered; what comes now goes elsewhere.
process.on("SIGTERM", () => {
  stopping = true;
  console.log("asked to stop: finishing what is under way");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
