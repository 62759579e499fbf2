import type {CniFile} from './cni-conf.js';

/** A file the runtime can load: JSON that names at least one plugin. */
export const isUsable = (file: CniFile): boolean => (file.conf?.plugins.length ?? 0) > 0;

export const isFlannel = (file: CniFile): boolean => file.conf?.plugins.some((plugin) => plugin.type === 'flannel') ?? false;

/**
 * The configuration that new pods are made with: runtimes take the first usable file in lexical order
 * (containerd, CRI-O and the kubelet of old all do).
 */
export const chosen = (files: readonly CniFile[]): CniFile | undefined => files.find(isUsable);

/** Where the file is, from the command that printed it (`cat /etc/cni/net.d/10-flannel.conflist`). */
export const pathOf = ({command, name}: CniFile): string => {
  const path = command.split(' ').at(-1) ?? '';
  return path.startsWith('/') ? path : `/etc/cni/net.d/${name}`;
};
