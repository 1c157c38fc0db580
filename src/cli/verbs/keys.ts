import { createPublicKey } from "node:crypto";
import { EnvctlError, ExitCode } from "../../base/errors.ts";
import { text, type Verb } from "../verb.ts";

export const keys: Verb = {
  name: "keys",
  group: "keep in order",
  summary: "the keys that sign what happens to the stages",
  arguments: [["<action>", "init or list"]],
  actions: [
    { name: "init", summary: "make a key of your own, and let it count for this environment", needsStage: false },
    { name: "list", summary: "whose signatures count, and which of the keys is yours", needsStage: false },
  ],
  options: [
    {
      flags: "--name <name>",
      description: "what the key is called in the history; your user name unless given",
      actions: ["init"],
    },
  ],
  changes: false,
  examples: [
    ["envctl keys init", "from now on the history is signed; commit .envctl/keys"],
    ["ENVCTL_SIGNING_KEY=key.pem envctl promote prod", "sign with this key, as in CI"],
    ["envctl history --verify", "prove that nothing in it was changed"],
  ],
  run: async (context, [action = ""], options) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { readPublicKeys, keyIdOf } = await import("../../signing/public-key.ts");
    const { makeKey, ownKey } = await import("../../signing/signing-key.ts");
    const { userName } = await import("../../base/user.ts");
    return await withWorkspace(context, null, async ({ environment, variables }) => {
      if (action === "init") {
        const name = readName(text(options, "name") ?? userName(variables));
        const made = await makeKey(environment.directory, name, variables);
        return {
          json: { verb: "keys", action, name, id: made.id, public: made.publicFile, private: made.privateFile },
          text: [
            `${name} ${made.id}`,
            `  ${made.fresh ? "a new key" : "the key you have"}: ${made.privateFile}`,
            `  counts for ${environment.name}: ${made.publicFile}`,
            "next: commit the public key, so that others can prove what you sign",
          ].join("\n"),
        };
      }
      const own = await ownKey(variables);
      const ownId = own && keyIdOf(createPublicKey(own));
      const all = (await readPublicKeys(environment.directory)).map(({ name, id }) => ({
        name,
        id,
        yours: id === ownId,
      }));
      const none = "the history is not signed: no key counts for this environment. envctl keys init makes one";
      const lines = all.map(({ name, id, yours }) => `${name} ${id}${yours ? " (yours)" : ""}`);
      return { json: { verb: "keys", action, keys: all }, text: lines.join("\n") || none };
    });
  },
};

/** It becomes the name of a file. */
function readName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name)) return name;
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `"${name}" is no name for a key: letters, digits, dots, dashes`,
    state: "nothing was written",
    next: "envctl keys init --name alice",
  });
}
