import { describe, expect, it } from "vitest";
import { resolvedDocument } from "../../src/environment/resolved-document.ts";
import { minimal, mistakes, readText, warnings } from "./read.ts";

describe("what is in force", () => {
  it("chains stages in the order of the file, and honours `after`", async () => {
    const order = async (stages: string) => {
      const result = await readText(`${minimal}stages: ${stages}\n`);
      expect(mistakes(result)).toEqual([]);
      return result.environment?.stages.map(({ name, after }) => `${name}<${after.join("+")}`);
    };
    expect(await order("{ dev: {}, test: {}, prod: {} }")).toEqual(["dev<", "test<dev", "prod<test"]);
    expect(
      await order("{ prod: { after: [eu, us] }, dev: { after: [] }, eu: { after: dev }, us: { after: dev } }"),
    ).toEqual(["dev<", "eu<dev", "us<dev", "prod<eu+us"]);
  });

  it("lets a stage's env win over its files, and those over the app's", async () => {
    const result = await readText(
      `${minimal}app: { env: { A: app, B: app, C: app } }\nstages: { dev: { env_file: [one.env], env: { C: stage } } }\n`,
      {},
      { files: { "one.env": "B=file\nC=file\n" } },
    );
    expect(result.environment?.stages[0]?.app.env).toEqual({ A: "app", B: "file", C: "stage" });
    expect(result.environment?.envFiles).toEqual([expect.stringMatching(/^\/.*\/one\.env$/)]);
  });

  it("lets the env of a worker and of a service win over their files, too", async () => {
    const own = "env: { B: own }, env_file: one.env";
    const result = await readText(
      `${minimal}workers: { w: { command: work, ${own} } }\nservices: { db: { image: "db:1", ${own} } }\nstages: { dev: {} }\n`,
      {},
      { files: { "one.env": "A=file\nB=file\n" } },
    );
    const [stage] = result.environment?.stages ?? [];
    expect([stage?.workers[0]?.env, stage?.services[0]?.env]).toEqual([
      { A: "file", B: "own" },
      { A: "file", B: "own" },
    ]);
  });

  it("warns of a value in a file that ends before a #", async () => {
    const result = await readText(
      `${minimal}stages: { dev: { env_file: one.env } }\n`,
      {},
      { files: { "one.env": "A=ab#cd\nB=ab # why\n" } },
    );
    expect(result.environment?.stages[0]?.app.env).toEqual({ A: "ab", B: "ab" });
    expect(result.problems).toMatchObject([
      { severity: "warning", message: "one.env: A ends before its #, what follows is a comment" },
    ]);
  });

  it("reads variables from the process, then from .env, and numbers out of them where numbers are wanted", async () => {
    const result = await readText(
      `${minimal}stages: { dev: { replicas: "\${N}", env: { A: "\${A}", B: "\${B:-b}", C: "$$x" } } }\n`,
      { A: "process" },
      { files: { ".env": "A=file\nN=3\n" } },
    );
    expect(mistakes(result)).toEqual([]);
    const app = result.environment?.stages[0]?.app;
    expect([app?.replicas, app?.env]).toEqual([3, { A: "process", B: "b", C: "$x" }]);
  });

  it("reads as many numbers and words out of variables as there are, be they the same ones", async () => {
    const result = await readText(
      `${minimal}app: { health: "\${OFF}" }\nproxy: { strip_path: "\${ON}" }\nstages:\n  dev: { replicas: "\${N}", auto: "\${OFF}" }\n  test: { replicas: "\${N}", proxy: "\${OFF}", gates: { provenance: "\${ON}" } }\n`,
      { N: "2", ON: "true", OFF: "false" },
    );
    expect(mistakes(result)).toEqual([]);
    expect(result.environment?.stages.map(({ app }) => app.replicas)).toEqual([2, 2]);
  });

  it("never reads YAML out of a variable", async () => {
    const result = await readText(`${minimal}app: { env: { A: "\${X}" } }\nstages: { dev: {} }\n`, {
      X: "1, B: 2 }\nstages: {}",
    });
    expect(result.environment?.stages[0]?.app.env).toEqual({ A: "1, B: 2 }\nstages: {}" });
  });

  it("asks only for the variables that the chosen stage needs", async () => {
    const text = `${minimal}stages:\n  dev: {}\n  prod: { env: { A: "\${ONLY_PROD}" } }\n`;
    expect(mistakes(await readText(text, {}, { stage: "dev" }))).toEqual([]);
    expect(mistakes(await readText(text, {}, { stage: "prod" }))).toHaveLength(1);
    expect(mistakes(await readText(text))).toHaveLength(1);
  });

  it("names the variable of another stage without which the file makes no sense", async () => {
    const text = `${minimal}stages:\n  dev: {}\n  prod: { hosts: ["ssh://ada@\${HOST}"], replicas: "\${N:?how many}", env: { A: "\${B}" } }\n`;
    expect(mistakes(await readText(text, {}, { stage: "dev" }))).toEqual([
      `5:30 \`HOST\` is not set | set it, put it in .env, or write \${HOST:-default}`,
      `5:52 \`N\` is not set: how many | set it, put it in .env, or write \${N:-default}`,
    ]);
  });

  it("takes the habits of Compose: lists of env, port forms, commands as lines", async () => {
    const result = await readText(
      `${minimal}app: { env: ["A=1", "B=x=y"], command: "sh -c 'echo \\"a b\\"'" }\nstages: { dev: { ports: ["127.0.0.1:1:2", "3:4/udp"] } }\n`,
    );
    const app = result.environment?.stages[0]?.app;
    expect(app?.env).toEqual({ A: "1", B: "x=y" });
    expect(app?.command).toEqual(["sh", "-c", 'echo "a b"']);
    expect(app?.ports).toEqual([
      { address: "127.0.0.1", hostPort: 1, containerPort: 2, protocol: "tcp" },
      { address: undefined, hostPort: 3, containerPort: 4, protocol: "udp" },
    ]);
  });

  it("shares sections by anchors and merge keys", async () => {
    const result = await readText(
      `${minimal}stages:\n  dev: &common { env: { A: "1" }, replicas: 2 }\n  test: { <<: *common, replicas: 3 }\n`,
    );
    expect(mistakes(result)).toEqual([]);
    expect(result.environment?.stages.map(({ app }) => [app.replicas, app.env.A])).toEqual([
      [2, "1"],
      [3, "1"],
    ]);
  });

  it("lets a map's own keys win over merged ones wherever the merge stands, with their texts as written", async () => {
    const result = await readText(
      `${minimal}stages:
  dev: { env: &base { VERSION: 1.10, PORT: "\${PORT}", FLAG: yes } }
  test: { env: { VERSION: 2.20, PORT: "8080", FLAG: "yes", <<: *base } }
  prod: { env: { <<: *base, VERSION: "3.30", PORT: "08", FLAG: "yes" } }
`,
      { PORT: "1" },
    );
    expect(mistakes(result)).toEqual([]);
    expect(result.environment?.stages.map(({ app }) => app.env)).toEqual([
      { VERSION: "1.10", PORT: "1", FLAG: "yes" },
      { VERSION: "2.20", PORT: "8080", FLAG: "yes" },
      { VERSION: "3.30", PORT: "08", FLAG: "yes" },
    ]);
    expect(warnings(result).map((warning) => warning.replace(/ .*/, ""))).toEqual(["4:23", "4:55", "5:18"]);
  });

  it("merges a list of maps, of which the first wins, and takes their texts as written", async () => {
    const result = await readText(
      `${minimal}stages:
  dev: { env: &base { VERSION: 1.10, MODE: 0777 } }
  test: { env: &more { <<: *base, VERSION: 2.20, EXTRA: 3.50 } }
  prod: { env: { <<: [*more, *base], EXTRA: "4" } }
`,
    );
    expect(mistakes(result)).toEqual([]);
    expect(result.environment?.stages[2]?.app.env).toEqual({ VERSION: "2.20", MODE: "0777", EXTRA: "4" });
  });

  it("shows a mistake in a list of merged maps where it stands", async () => {
    const result = await readText(
      `${minimal}stages:\n  dev: &base { env: { A: 1 } }\n  test:\n    <<: [*base, { replicas: many }]\n`,
    );
    expect(mistakes(result).map((mistake) => mistake.replace(/ .*/, ""))).toEqual(["6:29"]);
  });

  it("refuses to merge what is no map, as where the star of an alias was forgotten", async () => {
    const result = await readText(`${minimal}stages:\n  dev: &base { replicas: 2 }\n  test: { <<: base }\n`);
    expect(mistakes(result)).toEqual([
      "5:15 only maps can be merged | write the name of an anchor with a star: <<: *base",
    ]);
  });

  it("masks what is secret, or looks like it", async () => {
    const result = await readText(
      `${minimal}app: { env: { DB_PASSWORD: hunter2, URL: "postgres://u:hunter2@h/d", OK: fine }, secrets: [KEY] }\nstages: { dev: {} }\n`,
    );
    const text = JSON.stringify(resolvedDocument(result.environment!, "dev"));
    expect(text).not.toContain("hunter2");
    expect(text).toContain("fine");
    expect(text).toContain('"KEY":"<secret>"');
  });

  it.each([
    ["postgres://ada:hunter2@db/shop", "postgres://ada:<masked>@db/shop"],
    ["postgres://ada:hun@ter2@db/shop", "postgres://ada:<masked>@db/shop"],
    ["postgres://ada@shop:hunter2@db:5432/shop", "postgres://ada@shop:<masked>@db:5432/shop"],
    ["redis://:hunter2@cache", "redis://:<masked>@cache"],
    ["amqp://a:one@x,amqp://b:two@y", "amqp://a:<masked>@x,amqp://b:<masked>@y"],
    ["http://host:8080/@scope/name", "http://host:8080/@scope/name"],
  ])("masks the password in %s, as far as its last @", async (url, shown) => {
    const result = await readText(`${minimal}app: { env: { URL: "${url}" } }\nstages: { dev: {} }\n`);
    expect(resolvedDocument(result.environment!, "dev")).toMatchObject({
      stages: { dev: { app: { env: { URL: shown } } } },
    });
  });

  it("tells whom a notification goes to, and no more: its address and its arguments may be secrets", async () => {
    const told = `{ webhook: "https://chat.test/hooks/\${TOKEN}" }, { command: "tell --as=\${TOKEN} all" }, { command: [tell] }`;
    const result = await readText(`${minimal}notify: [${told}]\nstages: { dev: {} }\n`, { TOKEN: "hush-hush" });
    const text = JSON.stringify(resolvedDocument(result.environment!, "dev"));
    expect(text).not.toContain("hush-hush");
    expect(text).toContain('"webhook":"https://chat.test/<masked>"');
    expect(text).toContain('"command":["tell","<masked>"]');
    expect(text).toContain('"command":["tell"]');
  });
});

describe("the section for envctl dev", () => {
  it("has defaults for all of it", async () => {
    const { environment } = await readText(`${minimal}stages: { dev: {} }\n`);
    expect(environment?.dev).toEqual({
      sync: "infer",
      rules: [],
      command: undefined,
      entrypoint: undefined,
      env: {},
      ports: [],
      reload: undefined,
    });
  });

  it("keeps a debugger to the machine itself, unless another address is given", async () => {
    const text = `dev: { ports: ["9229:9229", "0.0.0.0:9230:9230"], reload: true, command: node a.js, env: { A: 1 } }`;
    const { environment, problems } = await readText(`${minimal}${text}\nstages: { dev: {} }\n`);
    expect(problems).toEqual([]);
    expect(environment?.dev.ports.map(({ address }) => address)).toEqual(["127.0.0.1", "0.0.0.0"]);
    expect(environment?.dev).toMatchObject({ reload: { port: 35729 }, command: ["node", "a.js"], env: { A: "1" } });
  });

  it("reads rules with their places", async () => {
    const rules =
      "dev:\n  rules:\n    - { path: ./src/, action: sync+restart, run: make css }\n    - { path: '*.md', action: ignore }";
    const { environment } = await readText(`${minimal}${rules}\nstages: { dev: {} }\n`);
    expect(environment?.dev.rules).toMatchObject([
      { path: "./src/", action: "sync+restart", run: ["make", "css"], position: { line: 5, column: 7 } },
      { path: "*.md", action: "ignore", run: undefined, position: { line: 6 } },
    ]);
  });
});
