/** What is asked, and where. Only this machine and a lab's hosts are: load on others' servers is an attack. */
export interface LoadTarget {
  /** Bases such as `http://10.77.0.12:8080` or `https://10.77.0.12/shop`, by address; clients take turns at them. */
  readonly urls: readonly string[];
  /** Name for the Host header and for TLS, where it is not the address. */
  readonly host?: string;
  /** PEM of the authority whose certificates are trusted. */
  readonly ca?: string;
}

export const loadKinds = ["kept", "fresh", "idle", "early", "slow", "upload", "large", "websocket", "events"] as const;

/**
 * `kept`: one connection for all requests of a client; `fresh`: one for each; `idle`: one that a person reads between two
 * requests of; `early`: one for each that is open long before its request, as browsers have them; `slow`: answers that
 * take 3 s; `upload`: 1 MiB, sent over a second; `large`: 1 MiB, compared byte by byte; `websocket`: echoes; `events`:
 * server-sent events.
 */
export type LoadKind = (typeof loadKinds)[number];

/** How many clients of each kind there are, at all `urls` together; at least one a URL unless it is 0. */
export type LoadMix = Readonly<Partial<Record<LoadKind, number>>> & {
  /** Milliseconds until an answer that is not complete counts as failed. */
  readonly timeout?: number;
  /** Milliseconds after which the load ends by itself. */
  readonly limit?: number;
};

export interface LoadError {
  readonly kind: LoadKind;
  readonly url: string;
  /** `ECONNREFUSED`, `HTTP 502`, `TRUNCATED`, `TIMEOUT`, `CUT`, `LOST`, … */
  readonly code: string;
  /** Milliseconds since the load began. */
  readonly at: number;
  /** Milliseconds since the request began; undefined for connections that serve many. */
  readonly after?: number | undefined;
  /** Milliseconds from the request's begin until its connection was open; undefined where it never was, or served before. */
  readonly connected?: number | undefined;
}

export interface KindReport {
  /** Begun: HTTP requests, WebSocket messages, or events received. */
  readonly requests: number;
  /** Whatever a person would have noticed: no answer, a bad status, wrong content, `cut` and `lost`. */
  readonly failed: number;
  /** Among `failed`: answers that began well and broke off, or are not what was asked for. */
  readonly truncated: number;
  /** Asked again as browsers do, once, because a kept connection was closed before a byte of the answer. */
  readonly retried: number;
  /** How often each HTTP status came. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds: the longest that a single answer took. */
  readonly longestLatency: number;
  /** Milliseconds: the longest that one URL gave no answer of this kind; undefined for kinds that take their time. */
  readonly longestStall: number | undefined;
  /** Connections of WebSockets and events that broke off. */
  readonly cut: number;
  /** Connections that the server ended as the protocol has it. */
  readonly closed: number;
  /** Echoes that never came, and gaps in the counters of events. */
  readonly lost: number;
  /** The first 20. */
  readonly errors: readonly LoadError[];
}

/** A stretch of answers of one release at one URL. */
export interface ReleaseSeen {
  readonly url: string;
  readonly release: string;
  /** Milliseconds since the load began. */
  readonly first: number;
  readonly last: number;
  readonly answers: number;
}

export interface LoadReport {
  /** Milliseconds. */
  readonly duration: number;
  readonly requests: number;
  readonly failed: number;
  readonly retried: number;
  readonly kinds: Readonly<Record<LoadKind, KindReport>>;
  /** In the order of their first answer. */
  readonly releases: readonly ReleaseSeen[];
  /** Milliseconds that the generator itself stood still: stalls up to this are its own. */
  readonly ownDelay: number;
}
