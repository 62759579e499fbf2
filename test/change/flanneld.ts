import {readFileSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab, LabNode} from '../../src/edge/lab/topology.js';

/**
 * Stand-ins for flanneld on a lab's nodes: one shell process each (flanneld.sh), with what the real one does to the kernel's tables where it
 * matters to a change (flannel-backends.md §3, §9.1, §9.5). Leases are files in a folder that all nodes see, in place of etcd.
 */
export class Flannelds implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #leases: string;
  readonly #period: number;
  private constructor(lab: Lab, period: number) {
    this.#lab = lab;
    this.#period = period;
    this.#leases = join(lab.dir, 'leases');
  }

  /** Starts one on every node. `period`: seconds between two checks of host-gw's routes; the real one takes 10. */
  static async start(lab: Lab, period = 1): Promise<Flannelds> {
    const all = new Flannelds(lab, period);
    await mkdir(all.#leases, {recursive: true});
    const script = readFileSync(join(import.meta.dirname, 'flanneld.sh'), 'utf8');
    for (const node of lab.nodes) {
      await writeFile(join(lab.dir, 'nodes', node.name, 'flanneld.sh'), script);
      await all.restart(node.name);
    }
    // They need to know of each other, and to have looked.
    await all.settle();
    return all;
  }

  #node(name: string): LabNode {
    return this.#lab.nodes.find((n) => n.name === name)!;
  }

  /** Ends the node's and starts one anew, which reads net-conf.json again; returns once it has published its lease and done its first round. */
  async restart(name: string): Promise<void> {
    const node = this.#node(name);
    const words = [node.name, this.#leases, String(this.#period), node.subnet, node.ip, node.subnet6 ?? '-', node.ip6 ?? '-'];
    const path = join(this.#lab.dir, 'nodes', name, 'flanneld.sh');
    const ran = await runIn(
      this.#lab,
      name,
      `[ ! -f /run/flanneld.pid ] || kill $(cat /run/flanneld.pid) 2>/dev/null
rm -f /run/flanneld.ready
setsid sh ${path} ${words.join(' ')} </dev/null >/run/flanneld.log 2>&1 &
echo $! > /run/flanneld.pid
for i in $(seq 100); do [ -e /run/flanneld.ready ] && exit 0; sleep 0.1; done
cat /run/flanneld.log >&2
exit 1`,
    );
    if (ran.code !== 0) throw new Error(`flanneld on ${name}: ${ran.stderr}`);
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
