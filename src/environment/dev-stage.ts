import type { Environment, Stage, Workload } from "./model.ts";

/**
 * The stage as `envctl dev` runs it: one container with the overrides of `dev`, and one of each worker, which takes the
 * environment alone; all marked as such. Nothing of an edit is tried by clients first, and nothing older stands by.
 */
export function devStage(environment: Pick<Environment, "dev">, stage: Stage): Stage {
  const { dev } = environment;
  const app: Workload = {
    ...stage.app,
    command: dev.command ?? stage.app.command,
    entrypoint: dev.entrypoint ?? stage.app.entrypoint,
    env: { ...stage.app.env, ...dev.env },
    ports: [...stage.app.ports, ...dev.ports],
    // Several could not share a debugger's port, and a person looks at one.
    replicas: 1,
  };
  const workers = stage.workers.map((before) => {
    const worker = { ...before, env: { ...before.env, ...dev.env }, replicas: 1 };
    return { ...worker, dev: overrides(before, worker) };
  });
  const { rollout } = stage;
  const strategy = rollout.strategy === "recreate" ? "recreate" : "rolling";
  return { ...stage, app: { ...app, dev: overrides(stage.app, app) }, workers, rollout: { ...rollout, strategy } };
}

/** `command, env DEBUG, ports 9229`: names alone, as it becomes a label that everybody on the host can read. */
function overrides(before: Workload, after: Workload): string {
  const differs = (key: "command" | "entrypoint") => JSON.stringify(before[key]) !== JSON.stringify(after[key]);
  const names = Object.keys(after.env).filter((name) => before.env[name] !== after.env[name]);
  const ports = after.ports.slice(before.ports.length).map(({ hostPort }) => hostPort);
  return [
    ...(differs("command") ? ["command"] : []),
    ...(differs("entrypoint") ? ["entrypoint"] : []),
    ...(names.length > 0 ? [`env ${names.join(", ")}`] : []),
    ...(ports.length > 0 ? [`ports ${ports.join(", ")}`] : []),
  ].join(", ");
}
