/** What the app of `fixtures/app` serves beside its release: the same in every release, so that any damage shows. */
const block = Buffer.alloc(65_536);
for (let index = 0, state = 1; index < block.length; index += 1) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  block[index] = 32 + ((state >>> 24) % 95);
}

const made = new Map<number, Buffer>();

/** The first `length` bytes of it. */
export function expectedContent(length: number): Buffer {
  let content = made.get(length);
  if (!content) {
    content = Buffer.concat(Array.from({ length: Math.ceil(length / block.length) }, () => block)).subarray(0, length);
    made.set(length, content);
  }
  return content;
}
