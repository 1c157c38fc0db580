import type { Kind } from "../../src/init/detection.ts";
import type { Content } from "../build/folder.ts";

/** A small real project of each kind, which says hello on /, and is healthy on /healthz where it can say so. */
export const samples = {
  dockerfile: {
    Dockerfile: `FROM busybox
RUN mkdir /site && echo hello from a Dockerfile >/site/index.html
EXPOSE 8080
CMD ["httpd", "-f", "-p", "8080", "-h", "/site"]
`,
  },
  node: {
    "package.json": JSON.stringify({
      name: "hello",
      private: true,
      type: "module",
      engines: { node: "^20" },
      scripts: { build: "node build.js", start: "node dist/server.js" },
    }),
    "build.js": `import { cpSync, mkdirSync } from "node:fs";
mkdirSync("dist", { recursive: true });
cpSync("src/server.js", "dist/server.js");
`,
    "src/server.js": `import { createServer } from "node:http";
const { PORT = "4321" } = process.env;
const routes = { "/": "hello from node", "/healthz": "ok" };
const server = createServer((request, response) => {
  response.writeHead(request.url in routes ? 200 : 404).end(routes[request.url] + " as " + process.getuid());
});
server.listen(Number(PORT));
process.on("SIGTERM", () => server.close());
`,
  },
  "node-static": {
    "package.json": JSON.stringify({
      name: "hello",
      private: true,
      engines: { node: "20.x" },
      scripts: { dev: "vite", build: "vite build" },
      devDependencies: { vite: "file:tools/vite" },
    }),
    // A stand-in, so that nothing needs to be fetched: it builds nothing but this page.
    "tools/vite/package.json": JSON.stringify({ name: "vite", version: "5.0.0", bin: "vite.mjs" }),
    "tools/vite/vite.mjs": {
      mode: 0o755,
      text: `#!/usr/bin/env node
import { cpSync, mkdirSync } from "node:fs";
mkdirSync("dist", { recursive: true });
cpSync("index.html", "dist/index.html");
`,
    },
    "vite.config.js": "export default {};\n",
    "index.html": "<h1>hello from a site</h1>\n",
  },
  python: {
    "requirements.txt": "# Nothing but Python's own library.\n",
    "server.py": `import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGES = {"/": "hello from python", "/healthz": "ok"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        page = PAGES.get(self.path)
        self.send_response(200 if page else 404)
        self.end_headers()
        self.wfile.write(f"{page} as {os.getuid()}".encode())


ThreadingHTTPServer(("", int(os.environ.get("PORT", "8765"))), Handler).serve_forever()
`,
  },
  go: {
    "go.mod": "module example.com/hello\n\ngo 1.19\n",
    "main.go": `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "hello from go as %d", os.Getuid())
	})
	if err := http.ListenAndServe(":8099", nil); err != nil {
		panic(err)
	}
}
`,
  },
  java: {
    "pom.xml": `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId>
  <artifactId>hello</artifactId>
  <version>1.0</version>
  <properties><maven.compiler.release>21</maven.compiler.release></properties>
</project>
`,
    "src/main/java/Hello.java": "class Hello { public static void main(String[] words) {} }\n",
  },
  rust: {
    "Cargo.toml": '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n',
    "Cargo.lock": 'version = 3\n\n[[package]]\nname = "hello"\nversion = "0.1.0"\n',
    "src/main.rs": `use std::io::{Read, Write};

fn main() {
    let listener = std::net::TcpListener::bind("0.0.0.0:3003").unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        let wanted = String::from_utf8_lossy(&request[..length]).split(' ').nth(1).unwrap_or("").to_string();
        let (status, body) = match wanted.as_str() {
            "/" => ("200 OK", "hello from rust"),
            _ => ("404 Not Found", "there is nothing"),
        };
        write!(stream, "HTTP/1.1 {status}\\r\\nContent-Length: {}\\r\\nConnection: close\\r\\n\\r\\n{body}", body.len()).unwrap();
    }
}
`,
  },
  static: {
    "index.html": "<h1>hello from a page</h1>\n",
    "style.css": "h1 { color: teal }\n",
  },
} satisfies Record<Kind, Record<string, Content>>;
