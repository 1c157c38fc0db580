import { basename } from "node:path";
import type { EnvironmentDocument, NotificationDocument } from "./document.ts";
import { type Notification, notificationEvents } from "./notification.ts";
import type { Path } from "./problems.ts";
import { type Reading, readCommand } from "./read-values.ts";
import { requireStage } from "./stage-order.ts";

/** The section `notify`: who is told what befalls the stages. */
export function readNotify(reading: Reading, document: EnvironmentDocument): Notification[] {
  return (document.notify ?? []).flatMap((entry, index) => {
    const path = ["notify", index];
    for (const [at, stage] of (entry.stages ?? []).entries()) {
      requireStage(reading.problems, [...path, "stages", at], stage, Object.keys(document.stages));
    }
    const target = readTarget(reading, path, entry);
    return target ? [{ events: entry.on ?? notificationEvents, stages: entry.stages, ...target }] : [];
  });
}

function readTarget(reading: Reading, path: Path, entry: NotificationDocument) {
  const { webhook, command, secret, body } = entry;
  if ((webhook === undefined) === (command === undefined)) {
    reading.problems.error(path, "a notification goes to a `webhook` or to a `command`: exactly one of them");
    return undefined;
  }
  if (webhook !== undefined) {
    const url = readUrl(reading, [...path, "webhook"], webhook);
    return (
      url && { kind: "webhook" as const, name: entry.name ?? url.host, url: url.href, secret, body: body ?? "event" }
    );
  }
  for (const key of ["secret", "body"] as const) {
    if (entry[key] === undefined) continue;
    reading.problems.keyError([...path, key], `\`${key}\` is for a \`webhook\`: a command gets the event as it is`);
  }
  const words = readCommand(reading, [...path, "command"], command) ?? [];
  return { kind: "command" as const, name: entry.name ?? basename(words[0] ?? ""), command: words };
}

/** What is wrong with an address is said without it: it may be a secret. */
function readUrl(reading: Reading, path: Path, text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && ["http:", "https:"].includes(url.protocol)) return url;
  reading.problems.error(path, "this is no address of a web hook", "such as https://chat.example.com/hooks/1234");
  return undefined;
}
