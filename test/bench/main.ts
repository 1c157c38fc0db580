import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { tellOnStderr } from "../lab/command.ts";
import { borrowLab } from "../lab/lab.ts";
import { benchHosts } from "./hosts.ts";
import { benchPromotion } from "./promotion.ts";
import { benchStartup } from "./startup.ts";

/** Figures beside their floor and a peer, measured in the same run: ratios carry over to other machines, times do not. */
await execa(process.execPath, ["build.mjs"], { cwd: fileURLToPath(new URL("../../", import.meta.url)) });
await benchStartup();
const { lab, giveBack } = await borrowLab(tellOnStderr);
try {
  await benchPromotion(lab);
  await benchHosts(lab);
} finally {
  await giveBack();
}
