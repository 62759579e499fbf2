import {at, list, object, text} from './json.js';

/** A container that runs flanneld, as a pod template or a pod has it. */
export interface FlannelContainer {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  /** Its specification as it stands. */
  readonly spec: unknown;
}

/** Images of flanneld: upstream's, mirrors', hardened ones; not those that only install the CNI plugin. */
const images = /(^|\/)(?!.*cni-plugin)[a-z0-9._-]*flannel[a-z0-9._-]*(?=[:@]|$)/;

/**
 * The container of a pod specification that runs flanneld, if there is one: by its command, its name (`kube-flannel` in every manifest,
 * in Canal and RKE2 too), or its image. `labelled`: the object carries flannel's label, so its only container is taken to be it.
 */
export function flannelContainer(podSpec: unknown, labelled: boolean): FlannelContainer | undefined {
  const containers = list(at(podSpec, 'containers'));
  const found =
    containers.find((c) => words(c).some((word) => /(^|\/)flanneld$/.test(word.split(' ')[0] ?? ''))) ??
    containers.find((c) => text(c, 'name') === 'kube-flannel' || text(c, 'name') === 'flanneld') ??
    containers.find((c) => images.test(text(c, 'image') ?? '')) ??
    (labelled && containers.length === 1 ? containers[0] : undefined);
  if (found === undefined) return undefined;
  return {name: text(found, 'name') ?? '', image: text(found, 'image') ?? '', args: argumentsOf(found), spec: found};
}

const words = (container: unknown): readonly string[] =>
  [...list(at(container, 'command')), ...list(at(container, 'args'))].filter((word) => typeof word === 'string');

/** The words after `flanneld`; of `sh -c 'exec flanneld --x'` the words in it. */
function argumentsOf(container: unknown): readonly string[] {
  const all = words(container);
  const shell = /(^|\/)(ba|da|)sh$/.test(all[0] ?? '') && all[1] === '-c';
  const split = shell ? (all[2] ?? '').split(/\s+/).filter((word) => word !== '') : all;
  const start = split.findIndex((word) => /(^|\/)flanneld$/.test(word));
  return start < 0 ? (shell ? [] : split.filter((word) => word.startsWith('-'))) : split.slice(start + 1);
}

/** A flag of flanneld: `--iface=eth1`, `--iface eth1`, `-iface=eth1`; a bare one is `true`. The last one wins. */
export function flagOf(args: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  for (const [index, word] of args.entries()) {
    const match = /^--?([^=]+)(?:=(.*))?$/s.exec(word);
    if (match?.[1] !== name) continue;
    const next = args[index + 1];
    value = match[2] ?? (next === undefined || next.startsWith('-') ? 'true' : next);
  }
  return value;
}

/** Does an object's labels say flannel? */
export function labelledFlannel(labels: unknown): boolean {
  const found = object(labels);
  return ['app', 'k8s-app', 'app.kubernetes.io/name'].some((key) => Object.hasOwn(found, key) && found[key] === 'flannel');
}
