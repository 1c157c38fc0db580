const secretive = /pass(?:word|wd|phrase)?|secret|token|credential|private|api_?key|access_?key/i;
export const mask = "<masked>";

/** Values that look secret are masked: by their names, or because a URL in them has a password. */
export function maskEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, maskValue(name, value)]));
}

/** One value, as it may be shown. */
export function maskValue(name: string, value: string): string {
  return secretive.test(name) ? mask : withoutPassword(value);
}

/** `postgres://user:secret@host` has a secret in it under whatever name. The last @ ends it (URL standard, authority state). */
function withoutPassword(value: string): string {
  return value.replace(/(\w+:\/\/[^\s/:]*):[^\s/]+@/g, `$1:${mask}@`);
}
