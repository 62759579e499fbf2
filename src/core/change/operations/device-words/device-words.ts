import type {Link} from '../../../kernel/link.js';
import type {Line} from '../kind.js';

/** What is known of making and changing devices of one kind. */
export interface DeviceWords {
  /** After `ip link add NAME … type KIND`: everything that is known of it. */
  words(link: Link): readonly string[];
  /** Transmit queue of one that is made: flanneld gives its own a length of 0 where nothing is said; absent: the kernel's. */
  readonly queue?: number;
  /** What `ip link add` has no words for, while the device is still down; each line may be run again. */
  settled?(link: Link): readonly Line[];
  /** Before it is deleted: fails where it could not be made again. */
  kept?(link: Link): readonly Line[];
  /** After `ip link set dev NAME`: what differs of a live device, in the kind's own words; empty when nothing does. */
  changes(link: Link, before: Link): readonly string[];
  /** Must it be made anew to become the wanted one? Attributes that nobody states do not count. */
  mustBeNew(link: Link, before: Link): boolean;
  /** How `ip -d link` lists a new one: what it has without being told, and the flags of its kind. */
  readonly defaults: {readonly [name: string]: unknown};
  readonly flags: readonly string[];
  readonly linkType: string;
}
