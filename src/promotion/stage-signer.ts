import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import { findSigner } from "../signing/signing-key.ts";

/** Who signs what this command does; asked for before anything is done. Throws `no-signing-key` (exit 2). */
export async function stageSigner(
  { environment, variables }: Workspace,
  options: { readonly dryRun: boolean },
): Promise<Signer | undefined> {
  return options.dryRun ? undefined : await findSigner(environment.directory, variables);
}
