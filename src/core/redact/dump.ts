import type {NodeDump, Section} from '../node/dump.js';
import type {Redactor} from './redactor.js';

/** Learns the names and prefixes of one node; every node is learnt before the first is redacted. */
export function learnDump({names, known}: Redactor, dump: NodeDump): void {
  names.learn('node', dump.node);
  // A host that is an address is found as one.
  const host = /^ssh (?:\S+@)?([A-Za-z0-9._-]+)(?::\d+)?$/.exec(dump.via)?.[1];
  if (host !== undefined && !/^[\d.]+$/.test(host)) names.learn('node', host);
  for (const {name, out} of dump.sections) {
    const pod = podOf(name);
    if (pod !== undefined) names.learn('pod', pod.name);
    if (name === 'host') names.learn('node', /^hostname=(.*)$/m.exec(out)?.[1] ?? '');
    else if (name === 'pods') for (const line of out.split('\n')) names.learn('pod', line.split(' ')[0]!);
    else known.learn(out);
  }
}

/** The same evidence of another network: what doctor says of it is the same. */
export function redactDump(redactor: Redactor, dump: NodeDump): NodeDump {
  const {failure} = dump;
  return {
    ...dump,
    node: redactor.names.of('node', dump.node),
    via: redactor.prose(dump.via),
    sections: dump.sections.map((section) => redactSection(redactor, section)),
    ...(failure && {
      failure: {
        ...failure,
        message: redactor.prose(failure.message),
        ...(failure.hint !== undefined && {hint: redactor.prose(failure.hint)}),
      },
    }),
  };
}

function redactSection(redactor: Redactor, section: Section): Section {
  const pod = podOf(section.name);
  return {
    ...section,
    name: pod === undefined ? section.name : `pods/${redactor.names.of('pod', pod.name)}${pod.rest}`,
    command: redactor.prose(section.command),
    out: contents(redactor, section),
    ...(section.err !== undefined && {err: redactor.prose(section.err)}),
  };
}

function contents(redactor: Redactor, {name, out}: Section): string {
  if (name === 'host') {
    return out
      .replace(/^(hostname=)(.*)$/m, (_, key: string, host: string) => key + redactor.names.of('node', host))
      .replace(/^(boot_id=)(.*)$/m, (_, key: string, id: string) => key + redactor.identifier(id));
  }
  if (name === 'pods') return redactor.prose(out);
  // Nothing but names of the kernel's and flannel's own.
  if (name === 'modules' || name === 'cni-bin') return out;
  return name === 'skipped' ? redactor.names.inText(out) : redactor.listing(out);
}

/** `pods/web-1~2/ip-addr` is about the second pod of that name. */
function podOf(section: string): {readonly name: string; readonly rest: string} | undefined {
  const [, name, rest] = /^pods\/([^/]+?)((?:~\d+)?\/.+)$/.exec(section) ?? [];
  return name === undefined || rest === undefined ? undefined : {name, rest};
}
