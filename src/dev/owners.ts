import type { Engine } from "../engine/engine.ts";
import type { Owner } from "./verdict.ts";

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

const root: Ids = { uid: 0, gid: 0 };

/** Turns names into numbers as the container's own lists have them. They are read when a name first comes up. */
export class Owners {
  readonly #read: (path: string) => Promise<string>;
  #lists:
    | Promise<{
        readonly users: ReadonlyMap<string, number>;
        readonly ownGroups: ReadonlyMap<string, number>;
        readonly groups: ReadonlyMap<string, number>;
      }>
    | undefined;

  constructor(engine: Engine, container: string, signal?: AbortSignal) {
    this.#read = async (path) => {
      const content = await engine.readFile(container, path, signal);
      return content === undefined ? "" : Buffer.from(content).toString("utf8");
    };
  }

  /** Undefined where the container knows no such user or group. */
  async ids(owner: Owner | undefined): Promise<Ids | undefined> {
    if (owner === undefined) return root;
    const uid = number(owner.user);
    const gid = owner.group === undefined ? undefined : number(owner.group);
    if (uid !== undefined && gid !== undefined) return { uid, gid };
    this.#lists ??= Promise.all([this.#read("/etc/passwd"), this.#read("/etc/group")]).then(([passwd, group]) => ({
      users: entries(passwd, 2),
      ownGroups: entries(passwd, 3),
      groups: entries(group, 2),
    }));
    const { users, ownGroups, groups } = await this.#lists;
    const user = uid ?? users.get(owner.user);
    const group = gid ?? (owner.group === undefined ? ownGroups.get(owner.user) : groups.get(owner.group));
    return user === undefined || group === undefined ? undefined : { uid: user, gid: group };
  }
}

function number(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** `name:password:number:…`, a line each. In a list of users, the number after it is that of the user's own group. */
function entries(text: string, column: number): ReadonlyMap<string, number> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const fields = line.split(":");
      const [name] = fields;
      const id = fields[column];
      return name && id !== undefined && /^\d+$/.test(id) ? [[name, Number(id)] as const] : [];
    }),
  );
}
