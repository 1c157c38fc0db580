import type { SyncRules } from "../../src/dev/sync-rules.ts";
import type { Owner } from "../../src/dev/verdict.ts";

/** As `COPY . folder` has it, the Dockerfile and the ignore file left out. */
export function syncAllTo(folder: string, owner?: Owner): SyncRules {
  return {
    program: { text: "nothing that reads them", kind: "serves" },
    complete: true,
    judge: (path) =>
      path === "Dockerfile" || path === ".dockerignore"
        ? { action: "rebuild", why: "it is what the image is made of", at: undefined }
        : {
            action: "sync",
            targets: [{ path: `${folder}/${path}`, owner, mode: undefined, layer: [0] }],
            restart: false,
            run: [],
            why: "COPY . copies it",
            at: undefined,
          },
  };
}
