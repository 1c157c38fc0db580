import { userInfo } from "node:os";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * What the user is called where others read it: in locks and histories. Containers of CI systems often run under a
 * number that no user database knows, and Node then throws; a number is a name, too.
 */
export function userName(variables: Variables = process.env): string {
  try {
    return userInfo().username;
  } catch {
    return variables.LOGNAME || variables.USER || `uid-${process.getuid?.() ?? "unknown"}`;
  }
}

/** The user's own folder: `HOME`, else what the user database says, else `/` as login(1) has it. */
export function homeFolder(variables: Variables): string {
  if (variables.HOME) return variables.HOME;
  try {
    // Not `homedir()`: where HOME is empty it is, too, and every file would be one of the folder at hand.
    return userInfo().homedir || "/";
  } catch {
    return "/";
  }
}
