import type {Ip, Mac, Prefix} from '../net/address.js';

/** Whose form the data is in; `own` is flanctl's own normal form, written by hand or by the lab. */
export type Provider = 'tencent' | 'tke' | 'alibaba' | 'aws' | 'gcp' | 'own';

/** Where a row leads. `type` and `id` are the cloud's words; `ip` and `node` follow from them once the cluster's nodes are known. */
export interface NextHop {
  readonly type: string;
  readonly id: string;
  readonly ip?: Ip;
  /** The machine, where the row names it beside one of its interfaces (AWS). */
  readonly instanceId?: string;
  readonly node?: string;
}

/** One row of a cloud's route table, whoever's cloud it is (model/cloud-modes.md §5.2). */
export interface CloudRoute {
  readonly provider: Provider;
  readonly tableId: string;
  readonly dst: Prefix;
  readonly nextHop: NextHop;
  readonly state: 'active' | 'disabled' | 'pending' | 'blackhole' | 'unknown';
  readonly origin: 'user' | 'system' | 'propagated' | 'unknown';
  /** Lower wins (GCE). */
  readonly priority?: number;
  /** Only senders with one of these tags use it (GCE). */
  readonly tags?: readonly string[];
  /** Told to the network between VPCs; absent where the data do not say. */
  readonly published?: boolean;
  /** The next hop may not forward what is not its own: GCE's warning NEXT_HOP_CANNOT_IP_FORWARD. */
  readonly cannotForward?: boolean;
  /** As it was printed. */
  readonly raw: unknown;
}

/** A route table: which senders look into it. A table without rows is a table. */
export interface CloudTable {
  readonly provider: Provider;
  readonly id: string;
  readonly name?: string;
  readonly vpcId?: string;
  /** The one for subnets that name none. */
  readonly main?: boolean;
  /** Subnets that name it. */
  readonly subnets: readonly string[];
  /** Whom it serves is not a matter of subnets: the whole network looks into it (TKE's cluster table, GCE's network, Tencent's global routes). */
  readonly wide?: boolean;
  /** Its rows lead between networks (Tencent's CCN); no machine's packet is looked up in it first. */
  readonly between?: boolean;
  /** The network whose parts its rows are about (TKE's RouteTableCidrBlock). */
  readonly cidr?: Prefix;
}

/** A subnet as the cloud lists it (`DescribeSubnets`, `describe-subnets`, `DescribeVSwitches`). */
export interface CloudSubnet {
  readonly provider: Provider;
  readonly id: string;
  readonly cidr: Prefix;
  readonly vpcId?: string;
  /** The route table that it names, where the list has it. */
  readonly tableId?: string;
  readonly freeAddresses?: number;
}

/** A network interface as the cloud knows it. */
export interface CloudEni {
  readonly provider: Provider;
  readonly id: string;
  readonly mac?: Mac;
  readonly instanceId?: string;
  /** Known once instances are matched with nodes. */
  readonly node?: string;
  readonly primary?: boolean;
  readonly deviceIndex?: number;
  readonly subnetId?: string;
  readonly vpcId?: string;
  readonly addresses: readonly {readonly address: Ip; readonly primary: boolean}[];
  readonly prefixes: readonly Prefix[];
  /** `false`: may send what is not its own. Absent where the cloud has no such attribute. */
  readonly sourceDestCheck?: boolean;
  /** Tags of its machine, by which GCE tells whose rows are whose. */
  readonly tags?: readonly string[];
  /** Ids of its security groups, those first that are asked first; of GCE its network. Absent where the data do not say. */
  readonly groups?: readonly string[];
  readonly raw: unknown;
}

/** What a security group says of packets that come in: one kind of them, from somewhere. */
export interface GroupRule {
  readonly action: 'accept' | 'drop';
  /** `all`, or a protocol as `/etc/protocols` names it; its number where it has no name here. */
  readonly proto: string;
  /** First and last port; absent: all. */
  readonly ports?: readonly [number, number];
  readonly from: readonly Prefix[];
  /** From interfaces that have one of these groups (GCE: `tag <name>`), by their own addresses. */
  readonly groups: readonly string[];
  /** From what stands in a list of another name, which was not given: AWS's prefix lists, Tencent's templates. */
  readonly unread?: string;
  /** Lower comes first; of equal ones what drops. */
  readonly priority: number;
  /** For machines with one of these tags alone (GCE). */
  readonly targets?: readonly string[];
}

/** A security group, as far as packets are concerned that come in; of GCE all firewall rules of a network. */
export interface CloudGroup {
  readonly provider: Provider;
  readonly id: string;
  readonly ingress: readonly GroupRule[];
}

/** Where cloud data were read, and of when they are. */
export interface CloudSource {
  /** A file's name, or the command that printed it. */
  readonly from: string;
  /** RFC 3339; of a file its time of change. */
  readonly takenAt?: string;
}

/**
 * What the cloud says. A part that was not given is absent, and then nothing is concluded from it: `routes: []` says that there are no rows,
 * no `routes` says that nobody looked.
 */
export interface Cloud {
  readonly routes?: readonly CloudRoute[];
  readonly tables?: readonly CloudTable[];
  readonly enis?: readonly CloudEni[];
  readonly subnets?: readonly CloudSubnet[];
  readonly groups?: readonly CloudGroup[];
  readonly sources: {readonly routes?: CloudSource; readonly enis?: CloudSource; readonly groups?: CloudSource};
  readonly problems: readonly string[];
}
