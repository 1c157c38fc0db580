import { EnvctlError } from "../../base/errors.ts";
import type { DevLoop } from "../../dev/loop.ts";
import type { Stage } from "../../environment/model.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import type { Context } from "../verb.ts";
import { renderError, toEnvctlError } from "../view/error.ts";
import type { DevView } from "./dev-view.ts";
import { Keys } from "./keys.ts";
import { whyNotPromoted } from "./promotable.ts";

const help = [
  "  r  restart the app           b  rebuild and switch",
  "  l  whose output is shown     o  open in the browser",
  "  s  shell in the container    p  promote what runs",
  "  ?  this help                 q  quit; all goes on running",
];

/** What a person can do by single keys while the loop runs. */
export class DevActions {
  readonly #context: Context;
  readonly #workspace: Workspace;
  readonly #stage: Stage;
  readonly #loop: DevLoop;
  readonly #view: DevView;
  readonly #keys: Keys;
  /** What the next key answers. */
  #question: ((yes: boolean) => void) | undefined;
  /** What takes the terminal now, or is done at a person's word. */
  #under: Promise<void> | undefined;

  constructor(parts: {
    readonly context: Context;
    readonly workspace: Workspace;
    readonly stage: Stage;
    readonly loop: DevLoop;
    readonly view: DevView;
  }) {
    this.#context = parts.context;
    this.#workspace = parts.workspace;
    this.#stage = parts.stage;
    this.#loop = parts.loop;
    this.#view = parts.view;
    this.#keys = new Keys(process.stdin, (key) => this.#key(key));
  }

  listen(): void {
    this.#keys.listen();
  }

  /** Resolves when nothing is under way any more: a promotion is ended or put back, and never left in the middle. */
  async end(): Promise<void> {
    this.#keys.release();
    this.#answer(false);
    if (this.#under && !this.#workspace.signal.aborted) this.#say("  ends once that is done; Ctrl-C puts it back");
    await this.#under;
  }

  /** False where nothing was asked. */
  #answer(yes: boolean): boolean {
    const question = this.#question;
    this.#question = undefined;
    question?.(yes);
    return question !== undefined;
  }

  #key(key: string): void {
    if (this.#answer(key === "y" || key === "Y")) return;
    switch (key) {
      case "q":
        this.#loop.stop();
        break;
      case "r":
        this.#loop.restart();
        break;
      case "b":
        this.#loop.rebuild();
        break;
      case "?":
        this.#say(...help);
        break;
      case "l":
        this.#say(`  ${this.#view.logs?.next() ?? ""}`);
        break;
      case "o":
        void this.#orSay(() => this.#open());
        break;
      case "s":
        void this.#alone(() => this.#shell());
        break;
      case "p":
        void this.#alone(() => this.#promote(), "and if interrupted");
    }
  }

  #say(...lines: readonly string[]): void {
    this.#view.screen?.print(...lines);
  }

  /** What takes the terminal, or asks a question on it, is one thing at a time. */
  async #alone(work: () => Promise<void>, told?: "and if interrupted"): Promise<void> {
    if (this.#under) return;
    this.#under = this.#orSay(work, told);
    await this.#under;
    this.#under = undefined;
  }

  async #orSay(work: () => Promise<void>, told?: "and if interrupted"): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { paint, options } = this.#context;
      if (told || !this.#workspace.signal.aborted) this.#say(renderError(toEnvctlError(error, options.verbose), paint));
    }
  }

  async #open(): Promise<void> {
    const { url } = this.#loop.status;
    if (url === undefined) return this.#say("  nothing is published that a browser could open: see `ports`");
    const { openBrowser } = await import("./open-browser.ts");
    if (!(await openBrowser(url))) this.#say(`  no browser could be opened here: ${url}`);
  }

  async #shell(): Promise<void> {
    const [app] = this.#loop.apps;
    if (!app) return this.#say("  the app does not run");
    const { attachTerminal } = await import("../attach-terminal.ts");
    this.#view.screen?.suspend();
    this.#keys.release();
    let code: number | undefined;
    try {
      const target = { engine: app.engine, container: app.observed };
      const attachment = { command: ["sh"], user: undefined, signal: this.#workspace.signal, json: false };
      code = await attachTerminal(target, attachment);
    } catch (error) {
      // Engines say in many words that there is no such program.
      if (!(error instanceof EnvctlError) || error.code !== "engine-refused") throw error;
      code = 127;
    } finally {
      // What paused the input does so a moment later.
      await new Promise((resolve) => setImmediate(resolve));
      if (!this.#workspace.signal.aborted) this.#keys.listen();
      this.#view.screen?.resume();
    }
    if (code === 126 || code === 127) this.#say("  the image has no shell");
  }

  async #promote(): Promise<void> {
    const { release = "" } = this.#loop.status;
    const name = this.#stage.name;
    const why = whyNotPromoted(this.#loop.status);
    if (why !== undefined) return this.#say(`  ${why}`);
    // The file may have been read again since.
    const { environment } = this.#loop.settings;
    const [next] = environment.stages.filter((stage) => stage.after.includes(name));
    if (!next) return this.#say(`  no stage comes after ${name}`);
    this.#say(`  promote ${release} to ${next.name}? y/n`);
    const yes = await new Promise<boolean>((resolve) => {
      this.#question = resolve;
    });
    if (!yes) return this.#say("  not promoted");
    const whyNot = whyNotPromoted(this.#loop.status, release);
    if (whyNot !== undefined) return this.#say(`  ${whyNot}`);
    const { promote } = await import("../../promotion/promote.ts");
    const result = await promote({ ...this.#workspace, environment }, next, { release: undefined, dryRun: false });
    this.#say(`${this.#context.paint("green", "✓")} ${next.name} runs ${result.release.name}`);
  }
}
