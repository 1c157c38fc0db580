import { hostname } from "node:os";
import { userName } from "../base/user.ts";

/** Who does it, as records tell: `user@machine`. */
export function author(): string {
  return `${userName()}@${hostname()}`;
}
