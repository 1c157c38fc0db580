import type { Detection, Folder } from "./detection.ts";

/** Folders that a site's files are kept in, the surest first. */
const places = ["public", "dist", "site", "_site", "build", "www", "."];

/** True where there is a page to serve. */
export function hasSite(folder: Folder): boolean {
  return places.some((place) => folder.has(`${place}/index.html`));
}

export function detectStatic(folder: Folder): Detection {
  const place = places.find((candidate) => folder.has(`${candidate}/index.html`)) ?? ".";
  return {
    kind: "static",
    found: place === "." ? "index.html" : `${place}/index.html`,
    port: 8080,
    health: { path: "/" },
    values: { folder: place, fallback: "=404", clean: place === "." ? "yes" : "" },
    notes: [],
  };
}
