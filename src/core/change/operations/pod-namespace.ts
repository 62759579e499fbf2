import {type Line, quoted} from './kind.js';

/**
 * A command in the pod's namespace, by the name it was gathered under: a named one, `pid-N` of one without a name, else the host name of its
 * sandbox, which its processes know.
 */
export function inPod(pod: string, command: string): Line {
  const named = quoted(`/run/netns/${pod}`);
  const pid = /^pid-(\d+)$/.exec(pod)?.[1];
  const search =
    pid === undefined
      ? `for p in /proc/[0-9]*; do [ "$(nsenter --uts="$p/ns/uts" cat /proc/sys/kernel/hostname 2>/dev/null)" = ${quoted(pod)} ] && ` +
        `[ "$(readlink "$p/ns/net")" != "$(readlink /proc/self/ns/net)" ] && n=$p/ns/net && break; done`
      : `n=/proc/${pid}/ns/net`;
  return {tool: 'sh', text: `n=${named}; [ -e "$n" ] || { n=; ${search}; }; [ -n "$n" ] && nsenter --net="$n" ${command}`};
}
