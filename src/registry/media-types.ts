/** Media types of manifests and indexes: OCI image-spec and Docker's image manifest version 2, schema 2. */
export const MediaType = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

/** All must be listed: a registry that is not asked for what it has converts it, and the digest with it. */
export const acceptedManifests = Object.values(MediaType).join(", ");

export function isIndex(mediaType: string): boolean {
  return mediaType === MediaType.ociIndex || mediaType === MediaType.dockerList;
}
