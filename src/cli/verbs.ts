import type { Verb } from "./verb.ts";
import { approve } from "./verbs/approve.ts";
import { build } from "./verbs/build.ts";
import { completion } from "./verbs/completion.ts";
import { config } from "./verbs/config.ts";
import { dev } from "./verbs/dev.ts";
import { diff } from "./verbs/diff.ts";
import { doctor } from "./verbs/doctor.ts";
import { down } from "./verbs/down.ts";
import { exec } from "./verbs/exec.ts";
import { gates } from "./verbs/gates.ts";
import { history } from "./verbs/history.ts";
import { init } from "./verbs/init.ts";
import { keys } from "./verbs/keys.ts";
import { lock } from "./verbs/lock.ts";
import { logs } from "./verbs/logs.ts";
import { maintenance } from "./verbs/maintenance.ts";
import { pipeline } from "./verbs/pipeline.ts";
import { plan } from "./verbs/plan.ts";
import { promote } from "./verbs/promote.ts";
import { provenance } from "./verbs/provenance.ts";
import { proxy } from "./verbs/proxy.ts";
import { prune } from "./verbs/prune.ts";
import { releases } from "./verbs/releases.ts";
import { rollback } from "./verbs/rollback.ts";
import { run } from "./verbs/run.ts";
import { status } from "./verbs/status.ts";
import { unlock } from "./verbs/unlock.ts";
import { up } from "./verbs/up.ts";
import { validate } from "./verbs/validate.ts";
import { verify } from "./verbs/verify.ts";
import { watch } from "./verbs/watch.ts";

/** Every verb, in the order in which a newcomer meets them. A new verb is one file and one line here. */
export const verbs: readonly Verb[] = [
  init,
  validate,
  config,
  doctor,
  build,
  dev,
  up,
  approve,
  promote,
  pipeline,
  watch,
  verify,
  rollback,
  gates,
  plan,
  status,
  diff,
  history,
  releases,
  provenance,
  logs,
  exec,
  run,
  proxy,
  maintenance,
  keys,
  lock,
  unlock,
  prune,
  down,
  completion,
];
