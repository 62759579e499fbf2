/** A release of flannel, as one number that compares: v0.20.2 is 2002. */
export interface Version {
  readonly name: string;
  readonly at: number;
}

/** `v0.20.2` → 2002. */
export function versionOf(name: string): Version {
  const [, minor = '', patch = ''] = /^v0\.(\d+)\.(\d+)$/.exec(name) ?? [];
  return {name, at: Number(minor) * 100 + Number(patch)};
}
