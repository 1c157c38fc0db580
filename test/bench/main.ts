import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { tellOnStderr } from "../lab/command.ts";
import { borrowLab } from "../lab/lab.ts";
import { benchHosts } from "./hosts.ts";
import { benchLedger } from "./ledger.ts";
import { benchPromotion } from "./promotion.ts";
import { benchRollout } from "./rollout.ts";
import { benchStartup } from "./startup.ts";
import { benchSync } from "./sync.ts";

/**
 * Figures beside their floor and a peer, measured in the same run: ratios carry over to other machines, times do not.
 * Arguments (`startup`, `promotion`, `ledger`, `hosts`, `rollout`, `sync`) choose; without any, all is measured.
 */
const chosen = process.argv.slice(2);
const isChosen = (name: string) => chosen.length === 0 || chosen.includes(name);
await execa(process.execPath, ["build.mjs"], { cwd: fileURLToPath(new URL("../../", import.meta.url)) });
if (isChosen("startup")) await benchStartup();
const { lab, giveBack } = await borrowLab(tellOnStderr);
try {
  if (isChosen("promotion")) await benchPromotion(lab);
  if (isChosen("ledger")) await benchLedger(lab);
  if (isChosen("hosts")) await benchHosts(lab);
  if (isChosen("rollout")) await benchRollout(lab);
  if (isChosen("sync")) await benchSync(lab);
} finally {
  await giveBack();
}
