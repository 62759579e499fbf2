import {readFileSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab, LabNode} from '../../src/edge/lab/topology.js';

const flanneldItself = () => ({name: 'flanneld', exec: '/opt/bin/flanneld', before: ''});

/**
 * Stand-ins for flanneld on a lab's nodes: one shell process each (flanneld.sh), with what the real one does to the kernel's tables where it
 * matters to a change (flannel-backends.md §3, §9.1, §9.5). Leases are files in a folder that all nodes see, in place of etcd.
 */
export class Flannelds implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #leases: string;
  readonly #period: number;
  readonly #env: string;
  private constructor(lab: Lab, period: number, env: string) {
    this.#lab = lab;
    this.#period = period;
    this.#env = env;
    this.#leases = join(lab.dir, 'leases');
  }

  /**
   * Starts one on every node. `period`: seconds between two checks of host-gw's routes; the real one takes 10. `env`: words before its
   * command, as `FLANNELD_COMM=flanneld`. `unit`: it is one from the beginning, as `asUnits` has it.
   */
  static async start(lab: Lab, period = 1, env = '', unit?: Parameters<Flannelds['asUnits']>[0]): Promise<Flannelds> {
    const all = new Flannelds(lab, period, env);
    await mkdir(all.#leases, {recursive: true});
    const script = readFileSync(join(import.meta.dirname, 'flanneld.sh'), 'utf8');
    for (const node of lab.nodes) {
      await writeFile(join(lab.dir, 'nodes', node.name, 'flanneld.sh'), script);
      if (unit) continue;
      await all.restart(node.name);
    }
    if (unit) {
      await all.asUnits(unit);
      for (const {name} of lab.nodes) await runIn(lab, name, `systemctl restart ${unit(name).name} && rm /run/restarts`);
    }
    // They need to know of each other, and to have looked.
    await all.settle();
    return all;
  }

  #node(name: string): LabNode {
    return this.#lab.nodes.find((n) => n.name === name)!;
  }

  /**
   * As a unit of systemd: a stand-in for systemctl on each node, which restarts it in the same way, and writes down that it did. `unit`: its
   * name on a node, what its ExecStart says, and shell that it runs before flannel starts, as k3s does.
   */
  async asUnits(unit: (node: string) => {name: string; exec: string; before: string} = flanneldItself): Promise<void> {
    for (const {name} of this.#lab.nodes) {
      const path = join(this.#lab.dir, 'nodes', name, 'restart.sh');
      const {name: called, exec, before} = unit(name);
      await writeFile(path, `${before}\n${this.#start(name)}`);
      const systemctl = `#!/bin/sh
case "$*" in
  'show -p ExecStart ${called}') echo 'ExecStart={ path=/usr/local/bin/k3s ; argv[]=${exec} ; ignore_errors=no ; start_time=[n/a] }' ;;
  'show -p MainPID flanneld') echo "MainPID=$(cat /run/flanneld.pid)" ;;
  'restart ${called}') echo restart >>/run/restarts; exec sh ${path} ;;
  'is-active --quiet ${called}') kill -0 "$(cat /run/flanneld.pid)" ;;
  *) exit 1 ;;
esac
`;
      const ran = await runIn(
        this.#lab,
        name,
        `cat >/run/systemctl <<'EOF'\n${systemctl}EOF\nchmod +x /run/systemctl; mount --bind /run/systemctl "$(command -v systemctl)"`,
      );
      if (ran.code !== 0) throw new Error(`systemctl on ${name}: ${ran.stderr}`);
    }
  }

  /** How often the unit was restarted. */
  async restarts(name: string): Promise<number> {
    return (await runIn(this.#lab, name, 'cat /run/restarts 2>/dev/null')).stdout.split('\n').filter(Boolean).length;
  }

  /** Ends the node's and starts one anew, which reads net-conf.json again; returns once it has published its lease and done its first round. */
  async restart(name: string): Promise<void> {
    const ran = await runIn(this.#lab, name, this.#start(name));
    if (ran.code !== 0) throw new Error(`flanneld on ${name}: ${ran.stderr}`);
  }

  #start(name: string): string {
    const node = this.#node(name);
    const words = [node.name, this.#leases, String(this.#period), node.subnet, node.ip, node.subnet6 ?? '-', node.ip6 ?? '-'];
    const path = join(this.#lab.dir, 'nodes', name, 'flanneld.sh');
    return `[ ! -f /run/flanneld.pid ] || kill $(cat /run/flanneld.pid) 2>/dev/null
for i in $(seq 100); do [ -e /run/flanneld.alive ] || break; sleep 0.1; done
rm -f /run/flanneld.ready
${this.#env} setsid sh ${path} ${words.join(' ')} --kube-subnet-mgr=${!this.#env.includes('ETCD')} </dev/null >/run/flanneld.log 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
echo $! > /run/flanneld.pid
for i in $(seq 100); do [ -e /run/flanneld.ready ] && exit 0; sleep 0.1; done
cat /run/flanneld.log >&2
exit 1`;
  }

  /** Waits for two rounds of every node. */
  async settle(): Promise<void> {
    await sleep(this.#period * 2000 + 500);
  }

  /** What it did to the tables, a line each. */
  async log(name: string): Promise<readonly string[]> {
    const {stdout} = await runIn(this.#lab, name, 'cat /run/flanneld.log');
    return stdout.split('\n').filter((line) => line !== '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const {name} of this.#lab.nodes)
      await runIn(this.#lab, name, 'kill $(cat /run/flanneld.pid); rm -f /run/flanneld.*').catch(() => undefined);
  }
}
