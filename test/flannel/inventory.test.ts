import {describe, expect, test} from 'vitest';
import {parseInventory} from '../../src/edge/sources/inventory.js';
import {Failure} from '../../src/failure.js';

const head = 'apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\n';
function mistakes(text: string): string {
  try {
    parseInventory(text, 'nodes.yaml');
  } catch (error) {
    if (error instanceof Failure) return [error.message, ...error.hints].join('\n');
    throw error;
  }
  return 'none';
}

describe('an inventory', () => {
  test('is read, with addresses in their one form and the SSH config beside the file', () => {
    expect(
      parseInventory(
        `${head}ssh: {config: ssh_config}\nnodes:\n  - {name: n1, host: FD00::1, lease: {subnet: 10.244.1.5/24, vtepMAC: AA:00:00:00:00:01}}\n  - {name: n2, via: netns, pid: 7}\n  - {name: n3, via: [kube, ssh]}\n`,
        '/etc/flanctl/nodes.yaml',
      ),
    ).toEqual({
      source: '/etc/flanctl/nodes.yaml',
      ssh: {config: '/etc/flanctl/ssh_config'},
      nodes: [
        {name: 'n1', via: 'ssh', host: 'FD00::1', lease: {subnet: '10.244.1.0/24', vtepMAC: 'aa:00:00:00:00:01'}},
        {name: 'n2', via: 'netns', pid: 7},
        {name: 'n3', via: ['kube', 'ssh']},
      ],
    });
  });
  test.each([
    ['a broken bracket', `${head}nodes: [`, /nodes\.yaml is not YAML\nline 3: /],
    ['a key twice', `${head}kind: Inventory\nnodes: [{name: n1}]\n`, /not YAML\nline 3: .*unique/i],
    ['no nodes', `${head}nodes: []\n`, /line 3: nodes: needs at least one node/],
    ['nothing', '', /line 1: top level: /],
    ['another kind', 'apiVersion: flanctl.dev/v1alpha1\nkind: Pod\nnodes: [{name: n}]\n', /line 2: kind: /],
    ['an unknown key, at its own line', `${head}nodes:\n  - name: n1\n    hots: x\n`, /line 5: nodes\.0\.hots: /],
    ['a port out of range', `${head}nodes:\n  - name: n1\n    port: 70000\n`, /line 5: nodes\.0\.port: /],
    ['a name with a blank', `${head}nodes:\n  - name: "n 1"\n`, /line 4: nodes\.0\.name: a node name has no blanks/],
    ['a host that is an option', `${head}nodes:\n  - name: n1\n    host: -oProxyCommand=x\n`, /line 5: nodes\.0\.host: /],
    [
      'a subnet without a length',
      `${head}nodes:\n  - name: n1\n    lease:\n      subnet: 10.244.1.0\n`,
      /line 6: nodes\.0\.lease\.subnet: not a prefix/,
    ],
    ['a node twice', `${head}nodes:\n  - name: n1\n  - name: n2\n  - name: n1\n`, /nodes\.yaml, line 6: node n1 is listed twice/],
    ['a way that there is not', `${head}nodes:\n  - name: n1\n    via: telnet\n`, /line 5: nodes\.0\.via: /],
    ['a lab among several ways', `${head}nodes:\n  - name: n1\n    via: [kube, netns]\n`, /line 5: nodes\.0\.via/],
    ['netns without a pid', `${head}nodes:\n  - name: n1\n    via: netns\n`, /nodes\.yaml, line 4: node n1: via netns needs a pid/],
  ])('%s', (_, text, expected) => expect(mistakes(text)).toMatch(expected));
});
