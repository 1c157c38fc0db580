import type { Digest } from "../../base/digest.ts";
import { MediaType } from "../media-types.ts";
import { answer, type Exchange, readWhole } from "./exchange.ts";
import { dropManifest, findManifest, keepManifest, referrersOf, tagsOf } from "./manifests.ts";
import { Refusal } from "./refusal.ts";
import type { Store } from "./store.ts";

const largestManifest = 4 * 1024 * 1024;

export async function getManifest(
  store: Store,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<void> {
  const { digest, mediaType, content } = await findManifest(store, repository, reference);
  const headers = { "Content-Type": mediaType, "Docker-Content-Digest": digest };
  if (exchange.request.method === "HEAD")
    return answer(exchange, 200, { ...headers, "Content-Length": content.length });
  answer(exchange, 200, headers, content);
}

export async function putManifest(
  store: Store,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<void> {
  const content = await readWhole(exchange, largestManifest);
  const type = exchange.request.headers["content-type"]?.split(";")[0]?.trim();
  const { digest, subject } = await keepManifest(store, repository, reference, { content, type });
  answer(exchange, 201, {
    Location: `/v2/${repository}/manifests/${digest}`,
    "Docker-Content-Digest": digest,
    ...(subject === undefined ? {} : { "OCI-Subject": subject }),
  });
}

export async function deleteManifest(
  store: Store,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<void> {
  await dropManifest(store, repository, reference);
  answer(exchange, 202);
}

/** distribution-spec §Listing tags: in lexical order, `n` of them after `last`. */
export async function listTags(store: Store, exchange: Exchange, repository: string): Promise<void> {
  const last = exchange.query.get("last");
  const all = (await tagsOf(store, repository)).filter((tag) => last === null || tag > last);
  const asked = exchange.query.get("n");
  const count = asked === null ? all.length : Number(asked);
  if (!Number.isInteger(count) || count < 0)
    throw new Refusal(400, "PAGINATION_NUMBER_INVALID", "`n` is a whole number");
  const tags = all.slice(0, count);
  const more = tags.length > 0 && tags.length < all.length;
  const link = more ? { Link: `</v2/${repository}/tags/list?n=${count}&last=${tags.at(-1)}>; rel="next"` } : {};
  answer(exchange, 200, { "Content-Type": "application/json", ...link }, JSON.stringify({ name: repository, tags }));
}

/** distribution-spec §Listing referrers. */
export async function listReferrers(
  store: Store,
  exchange: Exchange,
  repository: string,
  subject: Digest,
): Promise<void> {
  const wanted = exchange.query.get("artifactType");
  const all = await referrersOf(store, repository, subject);
  const manifests = all.filter(({ artifactType }) => wanted === null || artifactType === wanted);
  const filtered = wanted === null ? {} : { "OCI-Filters-Applied": "artifactType" };
  const index = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  answer(exchange, 200, { "Content-Type": MediaType.ociIndex, ...filtered }, index);
}
