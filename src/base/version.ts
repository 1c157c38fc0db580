declare const ENVCTL_VERSION: string | undefined;

/** envctl's own version; without a build, as in tests of its parts, none. */
export const version = typeof ENVCTL_VERSION === "undefined" ? "unbuilt" : ENVCTL_VERSION;
