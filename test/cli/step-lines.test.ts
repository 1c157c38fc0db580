import { describe, expect, it } from "vitest";
import { Progress } from "../../src/base/progress.ts";
import { endLines, liveLines, titleLine } from "../../src/cli/view/step-lines.ts";
import { type StepState, StepTree } from "../../src/cli/view/step-tree.ts";

const room = { paint: (_: unknown, text: string) => text, columns: 40, lines: 4 };
const untimed = (lines: string[]) => lines.map((line) => line.replace(/ \d+ms$/, ""));

/** The tree of a top step, as it stands when its work is done or has failed. */
async function treeOf(work: (top: Progress, look: () => string[]) => Promise<unknown>): Promise<StepState> {
  const tree = new StepTree();
  const progress = new Progress((event) => void tree.take(event));
  const top = () => tree.step(1) ?? expect.fail("no top step");
  await progress.step("switch", (at) => work(at, () => liveLines(top(), room))).catch(() => {});
  return top();
}

const hosts = ["a", "b", "c", "d", "e", "f"];

describe("the lines under a step", () => {
  it("are of what is under way, where there is no room for all", async () => {
    let seen: string[] = [];
    await treeOf(async (top, look) => {
      for (const host of hosts.slice(0, 4)) await top.step(host, async () => {});
      await top.step("e", (e) =>
        e.step("start", async (start) => {
          start.update("waiting");
          seen = look();
        }),
      );
    });
    expect(untimed(seen)).toEqual(["… 3 more", "✓ d", "› e", "  › start waiting"]);
  });

  it("never outgrow their room, with more under way than fits", async () => {
    let seen: string[] = [];
    await treeOf(async (top, look) => {
      const all = Promise.all(hosts.map((host) => top.step(host, () => new Promise((end) => setTimeout(end, 20)))));
      seen = look();
      await all;
    });
    expect(seen).toEqual(["… 3 more", "› d", "› e", "› f"]);
  });

  it("show the last output of a step that has no parts", async () => {
    let seen: string[] = [];
    await treeOf(async (top, look) => {
      top.output("a line\twith a tab, and longer than there is room for");
      seen = look();
    });
    expect(seen).toEqual(["a line with a tab, and longer than ther…"]);
  });

  it("keep the parts with their times, and of a failure the way down to its cause, told once", async () => {
    const top = await treeOf(async (at) => {
      await at.step("a", (a) => a.step("start", async () => {}));
      await at.step("b", (b) =>
        b.step("start", async () => {
          throw new Error("no space left");
        }),
      );
    });
    expect(untimed(endLines(top, room))).toEqual(["✓ a", "✗ b", expect.stringMatching(/^ {2}✗ start: no space left/)]);
  });

  it("are not needed where the one part was the whole", async () => {
    expect(endLines(await treeOf((at) => at.step("a", async () => {})), room)).toEqual([]);
  });
});

describe("a title", () => {
  it("gives way to the time, and the note to both", async () => {
    const step = await treeOf(async (at) => at.note("already there, all of it"));
    expect(titleLine({ ...step, elapsed: 61_000 }, { ...room, columns: 24 })).toBe("switch (already th… 1m1s");
    expect(titleLine({ ...step, elapsed: 61_000 }, { ...room, columns: 10 })).toBe("swit… 1m1s");
  });
});
