import { formatDuration, milliseconds } from "../base/duration.ts";
import { messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Notification, NotificationEvent } from "../environment/notification.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { resolveSecrets } from "../secrets/resolve.ts";
import type { StageRecord } from "./record.ts";

/** What is told of a stage: one of its records, or an approval, which is no record of its own. */
export type Announcement = Omit<StageRecord, "kind" | "version"> & {
  readonly kind: Exclude<NotificationEvent, "failed">;
  readonly comment?: string | undefined;
  /** True of an approval that is taken back. */
  readonly withdrawn?: boolean;
};

/** How long all of it may take. Milliseconds. */
const patience = milliseconds(45_000);

/**
 * Tells everybody whom the environment file names, side by side. It has happened already: who cannot be told is warned
 * of, and changes nothing. Also after Ctrl-C: that is when others want to know.
 */
export async function announce(workspace: Workspace, announcements: readonly Announcement[]): Promise<void> {
  const wanted = workspace.environment.notify.flatMap((notification) => {
    const news = announcements.filter((announcement) => concerns(notification, announcement));
    return news.length > 0 ? [{ notification, news }] : [];
  });
  if (wanted.length === 0) return;
  await workspace.progress.step("notify", async (progress) => {
    progress.note(wanted.map(({ notification }) => notification.name).join(", "));
    await Promise.all(
      wanted.map(async ({ notification, news }) => {
        try {
          for (const announcement of news) await tell(workspace, notification, announcement);
        } catch (error) {
          progress.warn(`${notification.name} could not be told: ${messageOf(error).split("\n")[0]}`);
        }
      }),
    );
  });
}

export function concerns({ events, stages }: Notification, { kind, outcome, stage }: Announcement): boolean {
  if (stages !== undefined && !stages.includes(stage)) return false;
  return events.includes(kind) || (outcome === "failed" && events.includes("failed"));
}

/** One sentence: `shop: prod runs 3f2c1ab (promoted from test by ada@laptop)`. */
export function sentenceOf(announcement: Announcement): string {
  const { environment, stage, release, outcome, from, by, reason } = announcement;
  const what = release?.name ?? "nothing";
  const failed = outcome === "failed" ? ` failed: ${reason ?? "for reasons unknown"}` : "";
  const said = {
    up: failed === "" ? `${stage} runs ${what}` : `bringing ${what} up in ${stage}${failed}`,
    promote:
      failed === "" ? `${stage} runs ${what}, promoted from ${from}` : `the promotion of ${what} to ${stage}${failed}`,
    rollback: failed === "" ? `${stage} went back to ${what}` : `going back to ${what} in ${stage}${failed}`,
    down: `${stage} was taken down${announcement.former ? ` on ${announcement.hosts.join(", ")}, which it has no more` : ""}`,
    verify: failed === "" ? `${what} is verified in ${stage}` : `the checks of ${what} in ${stage}${failed}`,
    override: `${announcement.override?.gate ?? "a gate"} was overridden for ${what} in ${stage}: ${announcement.override?.reason ?? ""}`,
    approve: announcement.withdrawn
      ? `the approval of ${what} for ${stage} is withdrawn`
      : `${what} is approved for ${stage}${announcement.comment ? `: ${announcement.comment}` : ""}`,
  }[announcement.kind];
  return `${environment}: ${said} (by ${by})`;
}

async function tell(workspace: Workspace, notification: Notification, announcement: Announcement): Promise<void> {
  const { environment, variables, clock } = workspace;
  const text = sentenceOf(announcement);
  const event = { version: 1, event: announcement.kind, text, ...announcement };
  const signal = timeLimit(patience);
  if (notification.kind === "command") {
    const { execa } = await import("execa");
    const [file = "", ...args] = notification.command;
    const input = JSON.stringify(event);
    const ended = await execa(file, args, {
      cwd: environment.directory,
      env: variables,
      input,
      cancelSignal: signal,
      stdout: "ignore",
      reject: false,
    });
    if (ended.failed) throw new Error(whyUntold(ended));
    return;
  }
  const { postEvent } = await import("../notify/web-hook.ts");
  const { url, secret, body } = notification;
  const lookup = { stage: announcement.stage, directory: environment.directory, variables };
  const values = secret === undefined ? {} : (await resolveSecrets([secret], lookup)).values;
  await postEvent({
    url,
    event: announcement.kind,
    body: JSON.stringify(body === "text" ? { text } : event),
    secret: secret === undefined ? undefined : values[secret],
    timestamp: Math.floor(clock.now().getTime() / 1000),
    signal,
  });
}

interface CommandEnd {
  readonly isCanceled: boolean;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** Where it could not be started: `ENOENT`. */
  readonly code?: string | undefined;
}

/** Without the command's words, of which one may be a secret as an address may. */
function whyUntold({ isCanceled, exitCode, signal, code }: CommandEnd): string {
  if (isCanceled) return `it was not done within ${formatDuration(patience)}`;
  if (exitCode !== undefined) return `it exited with code ${exitCode}`;
  return signal === undefined ? `it could not be started (${code})` : `it was ended by ${signal}`;
}
