import type { Environment, Stage } from "../environment/model.ts";

/** The stage as `envctl dev` runs it: one container with the overrides of `dev`. */
export function devStage(environment: Environment, stage: Stage): Stage {
  const { dev } = environment;
  return {
    ...stage,
    app: {
      ...stage.app,
      command: dev.command ?? stage.app.command,
      entrypoint: dev.entrypoint ?? stage.app.entrypoint,
      env: { ...stage.app.env, ...dev.env },
      ports: [...stage.app.ports, ...dev.ports],
      replicas: 1,
    },
  };
}
