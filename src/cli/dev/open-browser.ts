import { execa } from "execa";

/** Opens an address in the person's browser; false where there is no program for that. */
export async function openBrowser(url: string): Promise<boolean> {
  const program = process.platform === "darwin" ? "open" : process.platform === "win32" ? "explorer" : "xdg-open";
  const result = await execa(program, [url], { reject: false, stdio: "ignore", timeout: 10_000 });
  return result.exitCode === 0;
}
