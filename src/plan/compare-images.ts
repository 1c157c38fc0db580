/** One layer of an image, and the instruction that made it. */
export interface ImageLayer {
  readonly digest: string;
  /** Bytes, compressed. */
  readonly size: number;
  /** As the image's history tells it; undefined where it does not. */
  readonly instruction: string | undefined;
}

/** An image as its layers, for one platform. */
export interface ImageContent {
  readonly platform: string;
  readonly layers: readonly ImageLayer[];
}

export interface LayerComparison {
  readonly shared: readonly ImageLayer[];
  /** In the first image alone. */
  readonly added: readonly ImageLayer[];
  /** In the second image alone. */
  readonly removed: readonly ImageLayer[];
}

/** What the one image has and the other has not; a layer that is in an image twice counts twice. */
export function compareLayers(left: ImageContent, right: ImageContent): LayerComparison {
  const open = new Map<string, number>();
  for (const { digest } of right.layers) open.set(digest, (open.get(digest) ?? 0) + 1);
  const shared: ImageLayer[] = [];
  const added: ImageLayer[] = [];
  for (const layer of left.layers) {
    const count = open.get(layer.digest) ?? 0;
    if (count > 0) open.set(layer.digest, count - 1);
    (count > 0 ? shared : added).push(layer);
  }
  // Of a layer that is shared once and there twice, the last is the one that is left over.
  const removed = [...right.layers].reverse().filter(({ digest }) => {
    const count = open.get(digest) ?? 0;
    if (count > 0) open.set(digest, count - 1);
    return count > 0;
  });
  return { shared, added, removed: removed.reverse() };
}

export function sizeOf(layers: readonly ImageLayer[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}
