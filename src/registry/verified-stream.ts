import { createHash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";
import type { Digest } from "../base/digest.ts";
import { wrongContent } from "./errors.ts";

/** Passes content on and fails at its end if the digest is another. */
export class VerifiedStream extends Transform {
  readonly #hash = createHash("sha256");
  readonly #digest: Digest;
  readonly #where: string;

  constructor(digest: Digest, where: string) {
    super();
    this.#digest = digest;
    this.#where = where;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    const found = `sha256:${this.#hash.digest("hex")}`;
    done(found === this.#digest ? null : wrongContent(this.#where, this.#digest, found));
  }
}
