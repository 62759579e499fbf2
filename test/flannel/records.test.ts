import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {recordsOfEtcd} from '../../src/core/flannel/records/etcd.js';
import {recordsOfKubernetes} from '../../src/core/flannel/records/kubernetes.js';

const f = 'flannel.alpha.coreos.com/';
const node = (name: string, annotations: Record<string, unknown>, spec: unknown = {}, rest: object = {}) => ({
  kind: 'Node',
  metadata: {name, annotations, resourceVersion: '7', creationTimestamp: '2026-01-02T03:04:05Z'},
  spec,
  ...rest,
});
const vxlan = (ip: string, mac: string, prefix = f) => ({
  [`${prefix}kube-subnet-manager`]: 'true',
  [`${prefix}backend-type`]: 'vxlan',
  [`${prefix}backend-data`]: `{"VNI":1,"VtepMAC":"${mac}"}`,
  [`${prefix}public-ip`]: ip,
});
const from = 'nodes.json';
const conf = '{\n  "Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}\n}\n';
const configMap = (namespace: string, name: string, text = conf) => ({
  metadata: {namespace, name, resourceVersion: '99'},
  data: {'net-conf.json': text},
});
const daemonSet = (namespace: string, name: string, container: object, rest: object = {}) => ({
  metadata: {namespace, name},
  spec: {template: {metadata: {labels: {}}, spec: {containers: [container], ...rest}}, updateStrategy: {type: 'RollingUpdate'}},
});

describe('Node objects', () => {
  test('become leases, dual-stack, with what else a node says', () => {
    const {nodes, annotationPrefix} = recordsOfKubernetes(
      {
        nodes: {
          kind: 'NodeList',
          items: [
            node(
              'b',
              {
                ...vxlan('192.0.2.2', 'AA:00:00:00:00:02'),
                [`${f}public-ipv6`]: '2001:DB8::2',
                [`${f}backend-v6-data`]: '{"VNI":1,"VtepMAC":"aa:00:00:00:06:02"}',
                other: 'x',
              },
              {
                podCIDR: '10.244.2.0/24',
                podCIDRs: ['10.244.2.0/24', 'FD44:0:0:2::/64'],
                taints: [
                  {key: 'k', value: 'v', effect: 'NoSchedule'},
                  {key: 'bare', effect: 'NoExecute'},
                ],
              },
              {
                status: {
                  addresses: [{type: 'InternalIP', address: '192.0.2.2'}, {type: 'Hostname'}],
                  conditions: [
                    {type: 'Ready', status: 'Unknown'},
                    {type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp'},
                  ],
                  nodeInfo: {kubeletVersion: 'v1.31.2+k3s1'},
                },
              },
            ),
            node('a', {}, {podCIDR: '10.244.1.0/24'}),
          ],
        },
      },
      {from},
    );
    expect(annotationPrefix).toBe(f);
    expect(nodes.map((n) => n.name)).toEqual(['a', 'b']);
    expect(nodes[0]).toMatchObject({podCIDRs: ['10.244.1.0/24'], lease: {managed: false, subnet: '10.244.1.0/24', problems: []}});
    expect(nodes[0]).not.toHaveProperty('ready');
    expect(nodes[1]).toEqual({
      name: 'b',
      podCIDRs: ['10.244.2.0/24', 'FD44:0:0:2::/64'],
      addresses: [{type: 'InternalIP', address: '192.0.2.2'}],
      ready: false,
      networkUnavailable: {status: 'False', reason: 'FlannelIsUp'},
      taints: ['k=v:NoSchedule', 'bare:NoExecute'],
      created: '2026-01-02T03:04:05Z',
      distribution: 'k3s',
      lease: {
        managed: true,
        raw: {
          [`${f}kube-subnet-manager`]: 'true',
          [`${f}backend-type`]: 'vxlan',
          [`${f}backend-data`]: '{"VNI":1,"VtepMAC":"AA:00:00:00:00:02"}',
          [`${f}backend-v6-data`]: '{"VNI":1,"VtepMAC":"aa:00:00:00:06:02"}',
          [`${f}public-ip`]: '192.0.2.2',
          [`${f}public-ipv6`]: '2001:DB8::2',
        },
        subnet: '10.244.2.0/24',
        ipv6Subnet: 'fd44:0:0:2::/64',
        publicIP: '192.0.2.2',
        publicIPv6: '2001:db8::2',
        backendType: 'vxlan',
        backendData: {vni: 1, vtepMAC: 'aa:00:00:00:00:02'},
        backendV6Data: {vni: 1, vtepMAC: 'aa:00:00:00:06:02'},
        version: '7',
        problems: [],
      },
    });
  });

  test('are read under the prefix that is stated, that the DaemonSet states, or that most nodes carry', () => {
    const p = 'example.org/flannel-';
    const nodes = [
      node('a', vxlan('192.0.2.1', 'aa:00:00:00:00:01', p)),
      node('b', vxlan('192.0.2.2', 'aa:00:00:00:00:02', p)),
      node('c', vxlan('192.0.2.3', 'aa:00:00:00:00:03')),
    ];
    const read = recordsOfKubernetes({nodes}, {from});
    expect(read.annotationPrefix).toBe(p);
    expect(read.nodes.map((n) => n.lease.publicIP)).toEqual(['192.0.2.1', '192.0.2.2', undefined]);
    expect(read.nodes[2]!.lease.problems).toEqual([`flannel's annotations stand under ${f}, those of the other nodes under ${p}`]);
    expect(recordsOfKubernetes({nodes}, {from, annotationPrefix: 'flannel.alpha.coreos.com'}).nodes[2]!.lease.publicIP).toBe('192.0.2.3');
    const flag = {name: 'kube-flannel', image: 'x', command: ['/opt/bin/flanneld'], args: ['--kube-annotation-prefix', 'other.org/x']};
    expect(recordsOfKubernetes({nodes, daemonSets: [daemonSet('n', 'd', flag)]}, {from}).annotationPrefix).toBe('other.org/x-');
  });

  test('that cannot be understood say what of them cannot', () => {
    const {nodes, problems} = recordsOfKubernetes(
      {
        nodes: [
          node(
            'a',
            {[`${f}public-ip`]: 'ten', [`${f}backend-data`]: '{', [`${f}public-ipv6`]: '192.0.2.1', [`${f}backend-type`]: 7},
            {podCIDR: '10.244.9.0/24', podCIDRs: ['10.244.1.0/24', '10.244.2.0/24', 'x']},
          ),
          node('a', {}),
          {metadata: {}},
        ],
      },
      {from},
    );
    expect(problems).toEqual(['Node a is listed twice', 'a Node object has no name']);
    expect(nodes[0]!.lease.problems).toEqual([
      `${f}backend-type is not text: 7`,
      'spec.podCIDR is "10.244.9.0/24", spec.podCIDRs begins with "10.244.1.0/24"',
      'spec.podCIDRs holds a second prefix of the same family: 10.244.2.0/24',
      'spec.podCIDRs holds "x", which is not a prefix',
      `${f}backend-data is not JSON: "{"`,
      `${f}public-ip is not an IPv4 address: "ten"`,
      `${f}public-ipv6 is not an IPv6 address: "192.0.2.1"`,
    ]);
  });
});

describe('the daemons', () => {
  const flanneld = {
    name: 'kube-flannel',
    image: 'ghcr.io/flannel-io/flannel:v0.28.9',
    command: ['/opt/bin/flanneld'],
    args: ['--ip-masq', '--kube-subnet-mgr'],
  };
  test('are known by command, name or image, not by the plugin they install', () => {
    const {daemonSets} = recordsOfKubernetes(
      {
        daemonSets: [
          daemonSet('kube-flannel', 'kube-flannel-ds', flanneld),
          daemonSet(
            'kube-system',
            'canal',
            {
              name: 'kube-flannel',
              image: 'x',
              command: ['/opt/bin/flanneld', '--ip-masq'],
              volumeMounts: [{name: 'flannel-cfg', mountPath: '/etc/kube-flannel/'}],
            },
            {volumes: [{name: 'flannel-cfg', configMap: {name: 'canal-config'}}]},
          ),
          daemonSet('kube-system', 'mirror', {
            name: 'net',
            image: 'docker.io/rancher/mirrored-flannel-flannel@sha256:00',
            command: ['/bin/sh', '-c', 'exec /opt/bin/flanneld --iface=eth1'],
          }),
          daemonSet('kube-system', 'plugin', {name: 'install', image: 'ghcr.io/flannel-io/flannel-cni-plugin:v1'}),
          daemonSet('kube-system', 'kube-proxy', {name: 'kube-proxy', image: 'kube-proxy'}),
        ],
      },
      {from},
    );
    expect(daemonSets).toMatchObject([
      {
        namespace: 'kube-flannel',
        name: 'kube-flannel-ds',
        container: 'kube-flannel',
        args: ['--ip-masq', '--kube-subnet-mgr'],
        updateStrategy: 'RollingUpdate',
      },
      {name: 'canal', args: ['--ip-masq'], configMap: 'canal-config'},
      {name: 'mirror', args: ['--iface=eth1']},
    ]);
    expect(daemonSets).toHaveLength(3);
  });

  test('and their pods say how they fare', () => {
    const pod = (name: string, status: object, spec: object = {}) => ({
      metadata: {namespace: 'kube-flannel', name, ownerReferences: [{kind: 'DaemonSet', name: 'kube-flannel-ds'}]},
      spec: {nodeName: 'a', hostNetwork: true, containers: [flanneld], ...spec},
      status,
    });
    const {flannelPods, pods} = recordsOfKubernetes(
      {
        pods: [
          pod('crashing', {
            phase: 'Running',
            podIP: '192.0.2.1',
            containerStatuses: [
              {
                name: 'kube-flannel',
                ready: false,
                restartCount: 12,
                state: {waiting: {reason: 'CrashLoopBackOff'}},
                lastState: {terminated: {reason: 'Error', exitCode: 1}},
              },
            ],
          }),
          pod('fine', {
            phase: 'Running',
            podIPs: [{ip: '192.0.2.1'}, {ip: 'FD00::1'}],
            containerStatuses: [
              {name: 'kube-flannel', ready: true, restartCount: 0, state: {running: {startedAt: new Date('2026-01-01T00:00:00Z')}}},
            ],
          }),
          pod('pulling', {
            phase: 'Pending',
            initContainerStatuses: [{name: 'install-cni', state: {waiting: {reason: 'ImagePullBackOff'}}}],
            containerStatuses: [{name: 'kube-flannel', state: {waiting: {reason: 'PodInitializing'}}}],
          }),
          pod(
            'unbound',
            {phase: 'Pending'},
            {
              nodeName: undefined,
              affinity: {
                nodeAffinity: {
                  requiredDuringSchedulingIgnoredDuringExecution: {
                    nodeSelectorTerms: [{matchFields: [{key: 'metadata.name', values: ['c']}]}],
                  },
                },
              },
            },
          ),
          {metadata: {namespace: 'x', name: 'app'}, spec: {containers: [{name: 'app', image: 'nginx'}]}},
        ],
      },
      {from},
    );
    expect(flannelPods).toEqual([
      {
        namespace: 'kube-flannel',
        name: 'crashing',
        node: 'a',
        container: 'kube-flannel',
        daemonSet: 'kube-flannel-ds',
        phase: 'Running',
        ready: false,
        restarts: 12,
        waiting: 'CrashLoopBackOff',
        lastEnd: 'Error',
        exitCode: 1,
      },
      {
        namespace: 'kube-flannel',
        name: 'fine',
        node: 'a',
        container: 'kube-flannel',
        daemonSet: 'kube-flannel-ds',
        phase: 'Running',
        ready: true,
        restarts: 0,
        started: '2026-01-01T00:00:00.000Z',
      },
      {
        namespace: 'kube-flannel',
        name: 'pulling',
        node: 'a',
        container: 'kube-flannel',
        daemonSet: 'kube-flannel-ds',
        phase: 'Pending',
        ready: false,
        restarts: 0,
        waiting: 'ImagePullBackOff',
      },
      {
        namespace: 'kube-flannel',
        name: 'unbound',
        node: 'c',
        container: 'kube-flannel',
        daemonSet: 'kube-flannel-ds',
        phase: 'Pending',
        ready: false,
        restarts: 0,
      },
    ]);
    expect(pods!.find((p) => p.name === 'fine')).toEqual({
      namespace: 'kube-flannel',
      name: 'fine',
      node: 'a',
      hostNetwork: true,
      phase: 'Running',
      ips: ['192.0.2.1', 'fd00::1'],
    });
  });

  test('name the ConfigMap that counts, and its text is kept byte for byte', () => {
    const mounting = daemonSet(
      'kube-system',
      'canal',
      {...flanneld, volumeMounts: [{name: 'v', mountPath: '/etc/kube-flannel'}]},
      {volumes: [{name: 'v', configMap: {name: 'canal-config'}}]},
    );
    const configMaps = [
      configMap('kube-flannel', 'kube-flannel-cfg', '{}'),
      configMap('kube-system', 'canal-config'),
      configMap('default', 'unrelated', '{'),
    ];
    const mounted = recordsOfKubernetes({configMaps, daemonSets: [mounting]}, {from});
    expect(mounted.netConf).toMatchObject({
      where: 'ConfigMap kube-system/canal-config, net-conf.json',
      text: conf,
      version: '99',
      parsed: {ok: true},
    });
    expect(mounted.problems).toBeUndefined();
    const managedFields = [
      {time: '2026-02-01T00:00:00Z', fieldsV1: {'f:data': {'f:net-conf.json': {}}}},
      {time: '2026-03-01T00:00:00Z', fieldsV1: {'f:data': {}}},
      {time: '2026-04-01T00:00:00Z', fieldsV1: {'f:metadata': {}}},
    ];
    const [, canal] = configMaps;
    const written = {...canal!, metadata: {...canal!.metadata, managedFields}};
    expect(recordsOfKubernetes({configMaps: [written]}, {from}).netConf).toMatchObject({changed: '2026-03-01T00:00:00Z'});
    const unmounted = recordsOfKubernetes({configMaps}, {from});
    expect(unmounted.netConf!.where).toBe('ConfigMap kube-flannel/kube-flannel-cfg, net-conf.json');
    expect(unmounted.problems).toEqual([
      'two ConfigMaps hold different net-conf.json: kube-flannel/kube-flannel-cfg, which is taken, and kube-system/canal-config',
    ]);
    expect(recordsOfKubernetes({configMaps}, {from, configMap: {name: 'unrelated'}}).netConf!.parsed.ok).toBe(false);
  });
});

test('Services keep their addresses and ports', () => {
  const {services} = recordsOfKubernetes(
    {
      services: [
        {
          metadata: {namespace: 'default', name: 'web'},
          spec: {
            clusterIP: '10.96.0.9',
            clusterIPs: ['10.96.0.9', 'FD00::9'],
            ports: [{port: 80, nodePort: 30080, name: 'http'}, {port: '80'}],
          },
        },
        {metadata: {namespace: 'default', name: 'headless'}, spec: {clusterIP: 'None', ports: [{port: 53, protocol: 'UDP'}]}},
      ],
    },
    {from},
  );
  expect(services).toEqual([
    {namespace: 'default', name: 'headless', clusterIPs: [], ports: [{port: 53, protocol: 'UDP'}]},
    {
      namespace: 'default',
      name: 'web',
      clusterIPs: ['10.96.0.9', 'fd00::9'],
      ports: [{name: 'http', port: 80, protocol: 'TCP', nodePort: 30080}],
    },
  ]);
});

describe("etcd's keys", () => {
  const root = '/coreos.com/network';
  const v3 = (ip: string, mac: string) =>
    `{"PublicIP":"${ip}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${mac}"}}`;
  test('become leases: v3, with the IPv6 form, a reservation, an IPv6-only node', () => {
    const records = recordsOfEtcd(
      [
        {key: `${root}/config`, value: conf, version: '3'},
        {key: `${root}/subnets/10.5.52.0-24`, value: v3('192.0.2.1', '8A:BE:B3:26:BC:C4'), version: '4', ttl: 86_000},
        {
          key: `${root}/subnets/10.5.9.0-24&fc00:0:0:1::-64`,
          value: '{"PublicIP":"192.0.2.2","PublicIPv6":"fd00::2","BackendType":"host-gw"}',
          ttl: 'none',
        },
        {key: `${root}/subnets/0.0.0.0-0&fc00:0:0:2::-64`, value: '{"PublicIP":"0.0.0.0","PublicIPv6":"fd00::3","BackendType":"host-gw"}'},
        {key: '/other/subnets/10.5.1.0-24', value: 'x'},
        {key: `${root}/subnets/nonsense`, value: 'x'},
      ],
      {from: 'etcd'},
    );
    expect(records.netConf).toMatchObject({where: `${root}/config`, text: conf, version: '3', parsed: {ok: true}});
    expect(records.problems).toEqual([`${root}/subnets/nonsense is not named after a subnet: flanneld ignores it`]);
    expect(records.nodes.map((n) => n.lease)).toEqual([
      {managed: true, raw: expect.anything(), ipv6Subnet: 'fc00:0:0:2::/64', publicIPv6: 'fd00::3', backendType: 'host-gw', problems: []},
      {
        managed: true,
        raw: expect.anything(),
        subnet: '10.5.52.0/24',
        publicIP: '192.0.2.1',
        backendType: 'vxlan',
        backendData: {vni: 1, vtepMAC: '8a:be:b3:26:bc:c4'},
        ttl: 86_000,
        version: '4',
        problems: [],
      },
      {
        managed: true,
        raw: expect.anything(),
        subnet: '10.5.9.0/24',
        ipv6Subnet: 'fc00:0:0:1::/64',
        publicIP: '192.0.2.2',
        publicIPv6: 'fd00::2',
        backendType: 'host-gw',
        ttl: 'none',
        problems: [],
      },
    ]);
  });

  test('are read as etcdctl prints them, as a tree of v2 and as a plain object', () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const [key, value] = [`${root}/subnets/10.5.52.0-24`, v3('192.0.2.1', '8a:be:b3:26:bc:c4')];
    const leased = recordsOfEtcd(
      {header: {}, kvs: [{key: base64(key), value: base64(value), mod_revision: '12', lease: 77}], count: 1},
      {from: 'etcd.json'},
    );
    expect(leased.nodes).toMatchObject([{lease: {subnet: '10.5.52.0/24', version: '12'}}]);
    expect(leased.nodes[0]!.lease).not.toHaveProperty('ttl');
    const tree = {
      action: 'get',
      node: {
        key: root,
        dir: true,
        nodes: [
          {key: `${root}/config`, value: conf, modifiedIndex: 5},
          {
            key: `${root}/subnets`,
            dir: true,
            nodes: [
              {key, value, ttl: 80_000, modifiedIndex: 9},
              {key: `${root}/subnets/10.5.60.0-24`, value},
            ],
          },
        ],
      },
    };
    expect(recordsOfEtcd(tree, {from: 'etcd'}).nodes.map((n) => [n.lease.subnet, n.lease.ttl, n.lease.version])).toEqual([
      ['10.5.52.0/24', 80_000, '9'],
      ['10.5.60.0/24', 'none', undefined],
    ]);
    expect(recordsOfEtcd({[key]: JSON.parse(value), [`${root}/config`]: conf}, {from: 'etcd.json'})).toMatchObject({
      netConf: {text: conf},
      nodes: [{lease: {publicIP: '192.0.2.1'}}],
    });
    expect(recordsOfEtcd({'/mine/subnets/10.5.52.0-24': value}, {from: 'etcd.json', prefix: '/mine/'}).nodes).toHaveLength(1);
  });

  test('that cannot be understood say so', () => {
    const {nodes} = recordsOfEtcd(
      {[`${root}/subnets/10.5.52.7-24`]: '[', [`${root}/subnets/10.5.53.0-24`]: '{"PublicIP":7}', [`${root}/subnets/10.5.54.0-24`]: '{}'},
      {from: 'etcd.json'},
    );
    expect(nodes.map((n) => n.lease.problems)).toEqual([
      ['its key has host bits: 10.5.52.7/24', 'its value is not a JSON object: "["'],
      ['PublicIP is not an IPv4 address: 7'],
      ['it names no PublicIP'],
    ]);
  });
});

describe('whatever JSON comes', () => {
  const whole = {
    nodes: [
      node(
        'a',
        vxlan('192.0.2.1', 'aa:00:00:00:00:01'),
        {podCIDRs: ['10.244.1.0/24'], taints: [{key: 'k'}]},
        {status: {addresses: [{}], conditions: [{type: 'Ready'}]}},
      ),
    ],
    configMaps: [configMap('kube-flannel', 'kube-flannel-cfg')],
    daemonSets: [
      daemonSet(
        'kube-flannel',
        'd',
        {
          name: 'kube-flannel',
          image: 'flannel',
          command: ['/bin/sh', '-c', 'flanneld'],
          args: ['--x'],
          volumeMounts: [{name: 'v', mountPath: '/etc/kube-flannel'}],
        },
        {volumes: [{name: 'v', configMap: {name: 'kube-flannel-cfg'}}]},
      ),
    ],
    pods: [
      {
        metadata: {name: 'p', ownerReferences: [{kind: 'DaemonSet', name: 'd'}]},
        spec: {containers: [{name: 'kube-flannel'}], affinity: {nodeAffinity: {}}},
        status: {podIPs: [{ip: '192.0.2.1'}], containerStatuses: [{name: 'kube-flannel', restartCount: 1, state: {}}]},
      },
    ],
    services: [{metadata: {name: 's'}, spec: {clusterIPs: ['10.96.0.1'], ports: [{port: 1}]}}],
  };
  const etcd = {
    node: {
      key: '/coreos.com/network',
      nodes: [{key: '/coreos.com/network/subnets/10.5.52.0-24', value: '{"PublicIP":"192.0.2.1","BackendData":{"VNI":1}}', ttl: 5}],
    },
  };
  /** The same with the value at one place, found by counting, replaced. */
  const replaced = (value: unknown, place: {n: number}, by: unknown): unknown => {
    if (place.n-- === 0) return by;
    if (Array.isArray(value)) return value.map((item) => replaced(item, place, by));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, place, by)]));
  };

  test('nothing is thrown, and what comes out can be compared and written', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(120), (json, n) => {
        for (const objects of [
          {nodes: json, configMaps: json, daemonSets: json, pods: json, services: json},
          replaced(whole, {n}, json) as object,
        ]) {
          const records = recordsOfKubernetes(objects ?? {}, {from});
          expect(JSON.parse(JSON.stringify(records))).toEqual(records);
        }
        for (const kvs of [json, {kvs: json}, {node: json}, [json], replaced(etcd, {n: n % 12}, json)]) {
          const records = recordsOfEtcd(kvs, {from});
          expect(JSON.parse(JSON.stringify(records))).toEqual(records);
        }
      }),
      {numRuns: 300},
    );
  });
});
