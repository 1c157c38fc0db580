/** Whether a file of `.envctl` has this name because secrets are in it: `secrets.env`, `secrets.prod.env`. */
export function isSecretsFile(name: string): boolean {
  return /^secrets(?:\..+)?\.env$/.test(name);
}
