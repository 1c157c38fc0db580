/** There while a new configuration is about to be loaded. */
export const closingFile = "/run/caddy-closing";

/**
 * A route: while the file is there, answers ask the client to close its connection. A reload closes idle connections, and a
 * client that sends a request at that very moment would lose it.
 */
export const closing: object = {
  match: [
    { file: { root: "/", try_files: [closingFile] }, protocol: "http/1.1" },
    { file: { root: "/", try_files: [closingFile] }, protocol: "http/1.0" },
  ],
  handle: [{ handler: "headers", response: { set: { Connection: ["close"] } } }],
};

/**
 * For a proxy's `handle_response`: the file is looked for once more as the app's answer comes, since it may have come while
 * the app took its time. What is switched to another protocol goes its usual way.
 */
export const closingOnAnswer: object = {
  match: { status_code: [2, 3, 4, 5] },
  routes: [closing, { handle: [{ handler: "copy_response" }] }],
};
