/** What `envctl watch` does for a stage by itself. */
export type Auto =
  /** Promotes what stands verified in the stages before, once the gates are open; only what has such a tag, where one is named. */
  | { readonly kind: "promote"; readonly tags: string | undefined }
  /** Of a first stage: builds the newest commit of a branch. */
  | { readonly kind: "branch"; readonly branch: string }
  /** The same for the highest of these tags, as versions are counted. */
  | { readonly kind: "tags"; readonly tags: string };
