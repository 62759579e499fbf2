/**
 * Raw evidence, as it was printed. A snapshot is a sequence of these, one a node; nothing in it has been interpreted, so a
 * better flanctl can read an old snapshot better.
 */
export interface Section {
  /** The name of product.md's loose files without ending: `ip-route-all`, `bridge-fdb`, `subnet.env`, `cni/10-flannel.conflist`, `pods/<pod>/ip-addr`. */
  readonly name: string;
  /** What printed it: `ip -j -d route show table all`, `cat /run/flannel/subnet.env`, or the name of a pasted file. */
  readonly command: string;
  /** Exit status; 127 when the tool is not there, -1 when the output was cut off before its end mark. */
  readonly rc: number;
  readonly out: string;
  readonly err?: string;
}

export interface NodeDump {
  readonly node: string;
  /** ISO 8601, by the clock of the machine that gathered. */
  readonly takenAt?: string;
  /** How it was read: `ssh root@10.0.0.1:22`, `netns`, `local`, `folder`, … For people, not for parsing. */
  readonly via: string;
  readonly sections: readonly Section[];
  /** The node could not be read (or not to the end); `sections` holds what came before. */
  readonly failure?: NodeFailure;
}

export interface NodeFailure {
  /** Stable word: `timeout`, `connect`, `auth`, `host-key-unknown`, `host-key-changed`, `host-key-revoked`, `exec`, `truncated`. */
  readonly kind: string;
  readonly message: string;
  readonly hint?: string;
}

/** Something that could not be looked at. It never turns into "there is none". */
export interface Gap {
  readonly node: string;
  /** The section or, when the whole node is missing, `node`. */
  readonly what: string;
  readonly why: string;
}
