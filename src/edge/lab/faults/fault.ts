import type {Fabric} from '../cloud/fabric.js';

/** What a fault needs to know of the lab it is put into; the lab's own description fits it. */
export interface LabFacts {
  readonly backend: string;
  readonly directRouting: boolean;
  readonly dualStack: boolean;
  readonly vni: number;
  readonly port: number;
  /** Bytes, of the nodes' eth0. */
  readonly mtu: number;
  /** Bytes, of the pods. */
  readonly podMtu: number;
  readonly nodes: readonly LabNodeFacts[];
  /** Where a cloud carries packets between nodes. */
  readonly cloud?: LabCloudFacts;
  /** Shell for a node that takes away what is flannel's there, devices and rows, and makes it anew as the lab's start did. */
  anew(node: string): string;
}

export interface LabCloudFacts {
  readonly provider: string;
  readonly subnets: readonly {readonly prefix: string; readonly gateway: string; readonly routeTable: string}[];
  readonly vm: {readonly ip: string};
  /** Of pods on bridges. */
  readonly podNetwork?: string;
  readonly bridge?: string;
  /** Of the agent's rule that leads a pod's packets to the table of its interface. */
  readonly from?: number;
}

export interface LabNodeFacts {
  readonly name: string;
  readonly ip: string;
  readonly ip6?: string;
  readonly subnet: string;
  readonly subnet6?: string;
  readonly vtepMac?: string;
  readonly vtepMac6?: string;
  readonly publicKey?: string;
  readonly enis?: readonly {readonly id: string; readonly dev: string; readonly ip: string; readonly mac: string}[];
  readonly pods: readonly {
    readonly name: string;
    readonly ip: string;
    readonly ip6?: string;
    readonly veth: string;
    readonly mac: string;
    readonly attachment?: string;
    readonly table?: string;
  }[];
}

/** A line of shell, run as root inside a node or a pod of the lab. */
export interface NodeStep {
  readonly at: string;
  readonly run: string;
}

/** A change of what the lab's cloud holds: of its fabric and of its exports. */
export interface CloudStep {
  readonly cloud: (now: Fabric) => Fabric;
}

export type LabStep = NodeStep | CloudStep;

/**
 * One way to break a lab, what doctor must say of it, and how it is undone. The matrix test runs each on every lab it fits:
 * `expect.rule` must be the top cause on `expect.node`, nothing unrelated may be found, the remedy that doctor prints must heal it,
 * and doctor's severity must agree with what real packets do.
 */
export interface Fault {
  /** Kebab-case; the name of its file. */
  readonly id: string;
  readonly title: string;
  /** Does it make sense in this lab? */
  fits(lab: LabFacts): boolean;
  /** The finding that must come first. */
  expect(lab: LabFacts): {readonly rule: string; readonly node: string};
  inject(lab: LabFacts): readonly LabStep[];
  /** Puts everything back without help from doctor. */
  fix(lab: LabFacts): readonly LabStep[];
  /** Rules that are bound to speak of it too, and no cause of anything. */
  readonly also?: readonly string[];
  /** It loses no packet and is an error all the same: what should be encrypted is not, or what was changed is not in use. */
  readonly silent?: true;
  /** The first packets of its peers heal it, so that it depends on who sends first whether any is lost: a warning, and in the end all arrive. */
  readonly passing?: true;
  /** What it loses is for a machine that is no node: doctor warns, since that may be meant. */
  readonly beside?: true;
  /**
   * No command can mend it (a person must decide): the matrix then uses `fix` after checking that doctor says so. Of the
   * cloud's own state doctor prints the cloud's command, which is no node's to run.
   */
  readonly byHand?: true;
}
