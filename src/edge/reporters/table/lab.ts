import {columns} from '../../ui/table.js';
import {theme} from '../../ui/theme.js';
import type {LabListReport, LabReport} from '../documents.js';
import type {Render} from '../index.js';

interface NodeLine {
  readonly name: string;
  readonly ip: string;
  readonly ip6: string | null;
  readonly subnet: string;
  readonly subnet6: string | null;
  readonly pods: readonly {readonly name: string; readonly ip: string}[];
}

/** Of a lab in a cloud: its exports, and a machine that is no node. */
interface CloudLine {
  readonly routes: string;
  readonly enis: string;
  readonly groups: string;
  readonly vm: string;
  /** Two physical hosts with what is on each, or none. */
  readonly hosts: readonly {readonly name: string; readonly machines: readonly string[]}[];
}

export const lab: Render<LabReport> = (report, {level}) => {
  const paint = theme(level);
  const nodes = (report['nodes'] ?? []) as readonly NodeLine[];
  const rows = nodes.map((n) => [
    n.name,
    [n.ip, n.ip6].filter(Boolean).join(' '),
    [n.subnet, n.subnet6].filter(Boolean).join(' '),
    n.pods.map((pod) => `${pod.name} ${pod.ip}`).join(', ') || '-',
  ]);
  const cloud = report['cloud'] as CloudLine | undefined;
  const given = cloud ? ` --cloud-routes ${cloud.routes} --cloud-enis ${cloud.enis} --cloud-groups ${cloud.groups}` : '';
  const next = [
    `flanctl lab ping --name ${report.name}`,
    `flanctl doctor --lab ${report.name}${given}`,
    `flanctl lab exec --name ${report.name} ${nodes[0]?.name ?? 'n1'} -- ip route`,
    ...(cloud && cloud.hosts.length > 0 ? [`flanctl lab exec --name ${report.name} host1 -- tcpdump -ni wire proto gre`] : []),
    ...(typeof report['sshConfig'] === 'string' ? [`ssh -F ${report['sshConfig']} ${nodes[0]?.name ?? 'n1'}`] : []),
    `flanctl lab down --name ${report.name}`,
  ];
  return [
    `${paint.good('✔')} lab ${paint.strong(report.name)} is up: ${report.backend}`,
    columns(['NODE', 'ADDRESS', 'POD SUBNET', 'PODS'], rows, (text) => paint.strong(text)).trimEnd(),
    `inventory  ${String(report['inventory'])}`,
    ...(cloud ? [`cloud      ${cloud.routes}\n           ${cloud.enis}\n           ${cloud.groups}\nvm         ${cloud.vm}`] : []),
    ...(cloud?.hosts ?? []).map(({name, machines}) => `${name}      ${machines.join(', ')}`),
    ...next.map((command) => paint.dim(`  → ${command}`)),
    '',
  ].join('\n');
};

export const labList: Render<LabListReport> = (report, {level}) => {
  const paint = theme(level);
  if (report.labs.length === 0) return 'there is no lab; flanctl lab up makes one\n';
  const cell = (value: unknown): string => (value === null || value === undefined ? '-' : String(value));
  const keys = ['name', 'backend', 'nodes', 'pods', 'state', 'inventory'];
  return columns(
    keys.map((key) => key.toUpperCase()),
    report.labs.map((entry) => keys.map((key) => cell(entry[key]))),
    (text) => paint.strong(text),
  );
};
