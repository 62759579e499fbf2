import type {Family} from '../net/address.js';

/** A command line that printed a listing, as far as it decides what the listing leaves out. */
export interface Command {
  readonly text: string;
  /** `route`, `rule`, `neigh`, `addr`, `link`, `nexthop`, `fdb`, `route-n`, `arp`, `brctl`; undefined when it is none of these. */
  readonly object?: string;
  readonly family?: Family;
  /** `dev X`, `table N`, `proto P`, …: iproute2 prints rows without what was filtered for. */
  readonly filters: {readonly [word: string]: string};
}

const objects: readonly (readonly [string, string])[] = [
  ['route', 'route'],
  ['rule', 'rule'],
  ['neighbour', 'neigh'],
  ['neighbor', 'neigh'],
  ['address', 'addr'],
  ['link', 'link'],
  ['nexthop', 'nexthop'],
];

const tools = new Set(['ip', 'bridge', 'brctl', 'route', 'arp']);
const filterWords = new Set(['dev', 'table', 'proto', 'protocol', 'scope', 'via', 'src', 'metric', 'brport', 'br', 'master']);

/** iproute2 takes any unambiguous beginning (`ip r`, `ip nei`); the order above is that of its own list. */
function objectOf(tool: string, words: readonly string[]): string | undefined {
  if (tool === 'brctl') return 'brctl';
  if (tool === 'arp') return 'arp';
  if (tool === 'route') return 'route-n';
  const word = words.find(
    (w, i) =>
      !w.startsWith('-') && words[i - 1] !== '-n' && words[i - 1] !== '-netns' && words[i - 1] !== '-f' && words[i - 1] !== '-family',
  );
  if (word === undefined) return undefined;
  if (tool === 'bridge') return 'fdb'.startsWith(word) ? 'fdb' : undefined;
  if (word === 'ru') return 'rule';
  if (word === 'neighbor') return 'neigh';
  return objects.find(([name]) => name.startsWith(word))?.[1];
}

function familyIn(words: readonly string[]): Family | undefined {
  if (words.includes('-6') || words.includes('inet6')) return 6;
  return words.includes('-4') || words.includes('inet') ? 4 : undefined;
}

/** Reads a command line; anything that is none (a file name) gives no filters. */
export function readCommand(text: string): Command {
  const words = text.trim().split(/\s+/);
  let at = -1;
  for (let i = 0; i < words.length; i++) {
    if (tools.has(nameOf(words[i] ?? '')) && words[i - 1] !== 'dev') {
      at = i;
      // `ip netns exec X ip route`: the inner command is what printed.
      if (!words.slice(i + 1).some((w, k, rest) => nameOf(w) === 'ip' && (rest[k - 2] === 'exec' || rest[k - 1] === '--'))) break;
    }
  }
  if (at < 0) return {text, filters: {}};
  const args = words.slice(at + 1);
  const object = objectOf(nameOf(words[at] ?? ''), args);
  const family = familyIn(args);
  const filters: Record<string, string> = {};
  for (let i = 0; i + 1 < args.length; i++) {
    const word = args[i] ?? '';
    if (filterWords.has(word)) filters[word] = args[++i] ?? '';
  }
  const br = args[0] === 'show' ? args[1] : undefined;
  if (object === 'brctl' && br !== undefined) filters['br'] = br;
  return {text, filters, ...(object === undefined ? {} : {object}), ...(family === undefined ? {} : {family})};
}

const nameOf = (word: string): string => word.slice(word.lastIndexOf('/') + 1);

const bare =
  /^(?:sudo\s+)?(?:\/\S*\/)?(?:ip(?:\s+-\S+)*\s+(?:a|addr|address|l|link|r|ro|route|ru|rule|n|nei|neigh|neighbou?r|nexthop|netns)\b|bridge(?:\s+-\S+)*\s+(?:fdb|link|vlan|mdb)\b|brctl\s+show\b|route(?:\s+-[a-z0-9]+)*\s*$|arp(?:\s+-\S+)*\s*$)/;
const prompted = /^(?:\[[^\]]*\]\s?[#$]|[^\s:]*[@:][^#$]*[#$]|(?:\S*\s)?[#$]|[➜❯][^#$]*?|[#$%>❯])\s+(\S.*)$/u;
const insideAnother =
  /(?:^|\s)(?:exec|nsenter|docker|kubectl|crictl|ssh|k)\s.*?(?:--\s+|\s)((?:\/\S*\/)?(?:ip|bridge|brctl|route|arp)(?:\s.*)?)$/;

/**
 * The command of a pasted prompt line (`[root@node2 ~]# ip neigh show dev flannel.1`, `/ # ip route`, `➜  ~ k exec pod -- ip addr`,
 * or the bare command), or undefined when the line is none.
 */
export function promptOf(line: string): Command | undefined {
  const first = line.charCodeAt(0);
  // Nearly every line of a listing starts with a digit, a space or a MAC address; those are decided here.
  if ((first >= 48 && first <= 57) || first === 9 || line === '') return undefined;
  const text = line.trim();
  if (bare.test(text)) return readCommand(text);
  const typed = /[#$%>➜❯]/u.test(text) ? prompted.exec(text)?.[1] : undefined;
  if (typed === undefined) return undefined;
  const run = insideAnother.exec(typed)?.[1] ?? typed.replace(/^~\s+/, '');
  const inner = insideAnother.exec(run)?.[1] ?? run;
  return {...readCommand(inner), text: typed.replace(/^~\s+/, '')};
}
