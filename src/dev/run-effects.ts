import { posix } from "node:path";
import type { StageStep } from "../build/dockerfile-stages.ts";
import { jsonWords } from "../build/dockerfile-words.ts";
import { type ModeChange, parseMode } from "./mode.ts";
import { type ShellWord, simpleCommands } from "./shell-commands.ts";
import type { Owner } from "./verdict.ts";

/** What a RUN does to files that were copied before it, where that can be told. */
export type RunEffect =
  /** It may read what is in these folders, or all but what is in those. */
  | { readonly kind: "reads"; readonly folders: readonly string[]; readonly except: readonly string[] }
  | { readonly kind: "makes-folder"; readonly path: string }
  | { readonly kind: "owner"; readonly path: string; readonly deep: boolean; readonly owner: Partial<Owner> }
  | { readonly kind: "mode"; readonly path: string; readonly deep: boolean; readonly change: ModeChange }
  /** `wild`: the path is a pattern of the shell. */
  | { readonly kind: "removes"; readonly path: string; readonly deep: boolean; readonly wild: boolean };

/** Where packages put their files and read their settings, and where images by custom have what they serve. */
const system = ["/etc", "/bin", "/sbin", "/lib", "/lib64", "/usr", "/var", "/root", "/opt"];
const served = [
  "/usr/src",
  "/usr/app",
  "/usr/share/nginx/html",
  "/usr/share/caddy",
  "/usr/local/apache2/htdocs",
  "/var/www",
];

const accounts = [
  "passwd",
  "group",
  "shadow",
  "gshadow",
  "login.defs",
  "default",
  "skel",
  "adduser.conf",
  "deluser.conf",
  "subuid",
  "subgid",
  "nsswitch.conf",
  "pam.d",
].map((name) => `/etc/${name}`);

type Reader = (words: readonly ShellWord[], where: string | undefined) => RunEffect[] | undefined;

const readsAccounts: Reader = () => [{ kind: "reads", folders: accounts, except: [] }];

/** A package is installed by its name; a file or an option that names one may be a file that was copied. */
const installs: Reader = (words) =>
  words.some(({ text, wild }) => wild || /^[./]|\.(?:deb|rpm|apk)$|=[./]/.test(text))
    ? undefined
    : [{ kind: "reads", folders: system, except: served }];

/**
 * The commands of which it is known what they read and change; any other may use all that was copied before it. For each
 * the effects, or undefined where its options or arguments make it one of the others.
 */
const known: Readonly<Record<string, Reader>> = {
  true: () => [],
  ":": () => [],
  echo: (words) => (words.some(({ wild }) => wild) ? undefined : []),
  // Options of the shell itself: none of them touches a file.
  set: () => [],
  useradd: readsAccounts,
  adduser: readsAccounts,
  usermod: readsAccounts,
  groupadd: readsAccounts,
  addgroup: readsAccounts,
  "apt-get": installs,
  apt: installs,
  apk: installs,
  yum: installs,
  dnf: installs,
  microdnf: installs,
  mkdir: (words, where) =>
    paths(words, where, /^(?:-[pv]+|--parents|--verbose|-m|--mode(?:=\S+)?)$/, ["-m"])?.map((path) => ({
      kind: "makes-folder",
      path,
    })),
  // A time is no part of what is synced.
  touch: (words) => operands(words, /^-[acm]+$/) && [],
  rm: removes,
  chown: changesOwner,
  chmod: changesMode,
};

/** All effects of a RUN, in their order; undefined where it may use anything. `where` is the working directory. */
export function runEffects(step: StageStep, where: string | undefined, shell: boolean): RunEffect[] | undefined {
  const { instruction, variables } = step;
  // What is handed to another program, or read from a here-document, is a script like any other only without the rest.
  if (instruction.heredocs.length > 0) return undefined;
  const words = jsonWords(instruction.rest)?.map((text): ShellWord => ({ text, wild: false }));
  const commands = words ? [words] : shell ? simpleCommands(instruction.rest, variables.lookUp) : undefined;
  if (!commands) return undefined;
  const effects: RunEffect[] = [];
  let folder = where;
  for (const [program, ...rest] of commands) {
    const name = program?.text.replace(/^\/(?:usr\/)?s?bin\//, "") ?? "";
    if (name === "cd") {
      folder = rest.length === 1 ? absolute(rest[0], folder) : undefined;
      if (folder === undefined) return undefined;
      continue;
    }
    const found = Object.hasOwn(known, name) ? known[name]?.(rest, folder) : undefined;
    if (!found) return undefined;
    effects.push(...found);
  }
  return effects;
}

function removes(words: readonly ShellWord[], where: string | undefined): RunEffect[] | undefined {
  const targets = operands(words, /^(?:-[rRfdv]+|--recursive|--force)$/);
  const deep = words.some(({ text }) => /^(?:-\w*[rR]\w*|--recursive)$/.test(text));
  return all(targets, (word) => {
    const path = absolute(word, where);
    return path === undefined ? undefined : { kind: "removes", path, deep, wild: word.wild };
  });
}

function changesOwner(words: readonly ShellWord[], where: string | undefined): RunEffect[] | undefined {
  const [spec, ...targets] = operands(words, /^(?:-[Rvcfh]+|--recursive|--verbose)$/) ?? [];
  const owner = spec && parseOwner(spec.text);
  if (!owner || targets.length === 0) return undefined;
  const deep = words.some(({ text }) => /^(?:-\w*R\w*|--recursive)$/.test(text));
  return all(targets, (word) => {
    const path = absolute(word, where);
    return path === undefined || word.wild ? undefined : { kind: "owner", path, deep, owner };
  });
}

/** `user:group`, `user`, `:group`. What `user:` means, only the image's list of users tells. */
function parseOwner(text: string): Partial<Owner> | undefined {
  const { user, group } = /^(?<user>[\w.-]+)?(?::(?<group>[\w.-]+))?$/.exec(text)?.groups ?? {};
  if (user === undefined && group === undefined) return undefined;
  return { ...(user === undefined ? {} : { user }), ...(group === undefined ? {} : { group }) };
}

function changesMode(words: readonly ShellWord[], where: string | undefined): RunEffect[] | undefined {
  const [spec, ...targets] = operands(words, /^(?:-[Rvcf]+|--recursive|--verbose)$/) ?? [];
  const change = spec && parseMode(spec.text);
  if (!change || targets.length === 0) return undefined;
  const deep = words.some(({ text }) => /^(?:-\w*R\w*|--recursive)$/.test(text));
  return all(targets, (word) => {
    const path = absolute(word, where);
    return path === undefined || word.wild ? undefined : { kind: "mode", path, deep, change };
  });
}

/** What is no option; undefined where there is an option that is not among those allowed. */
function operands(
  words: readonly ShellWord[],
  allowed: RegExp,
  withValue: readonly string[] = [],
): ShellWord[] | undefined {
  const found: ShellWord[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (!word) continue;
    if (!/^-./.test(word.text)) found.push(word);
    else if (!allowed.test(word.text)) return undefined;
    else if (withValue.includes(word.text)) at += 1;
  }
  return found;
}

function paths(
  words: readonly ShellWord[],
  where: string | undefined,
  allowed: RegExp,
  withValue: readonly string[] = [],
): string[] | undefined {
  return all(operands(words, allowed, withValue), (word) => (word.wild ? undefined : absolute(word, where)));
}

function all<Item, Result>(
  items: readonly Item[] | undefined,
  read: (item: Item) => Result | undefined,
): Result[] | undefined {
  const results = items?.map(read);
  return results?.every((result) => result !== undefined) ? (results as Result[]) : undefined;
}

function absolute(word: ShellWord | undefined, where: string | undefined): string | undefined {
  if (!word || word.text === "") return undefined;
  if (word.text.startsWith("/")) return posix.normalize(word.text).replace(/(?<=.)\/$/, "");
  return where === undefined ? undefined : posix.join(where, word.text).replace(/(?<=.)\/$/, "");
}
