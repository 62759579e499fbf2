import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {Failure} from '../../failure.js';
import {runIn} from './exec.js';
import {nodeDir, stage} from './node-files.js';
import {must} from './shell.js';
import type {Lab, LabNode} from './topology.js';

/** Makes the client's key and each node's host key, stages the nodes' sshd files and writes the ssh_config that reaches them. */
export async function prepareSsh(lab: Lab, signal?: AbortSignal): Promise<void> {
  const dir = `${lab.dir}/ssh`;
  await mkdir(dir, {mode: 0o700});
  const key = (file: string, comment: string) =>
    must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file], signal ? {signal} : {});
  await Promise.all([
    key(`${dir}/id_ed25519`, `flanctl lab ${lab.spec.name}`),
    ...lab.nodes.map((node) => key(`${nodeDir(lab, node)}/host_key`, node.name)),
  ]);
  const client = await readFile(`${dir}/id_ed25519.pub`, 'utf8');
  const known: string[] = [];
  for (const node of lab.nodes) {
    const [secret, open] = await Promise.all([
      readFile(`${nodeDir(lab, node)}/host_key`, 'utf8'),
      readFile(`${nodeDir(lab, node)}/host_key.pub`, 'utf8'),
    ]);
    known.push(`${node.name},${node.ip} ${open.split(' ').slice(0, 2).join(' ')}`);
    await stage(lab, node, {
      '/run/lab/ssh/host_key': {text: secret, mode: 0o600},
      '/run/lab/ssh/authorized_keys': {text: client, mode: 0o600},
      '/run/lab/ssh/sshd_config': sshdConfig(node),
      // Without PAM sshd refuses an account whose password is locked with "!"; "*" lets a key in and no password.
      '/etc/shadow': {text: 'root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n', mode: 0o600},
    });
  }
  await writeFile(`${dir}/known_hosts`, `${known.join('\n')}\n`);
  await writeFile(`${dir}/ssh_config`, sshConfig(lab));
}

/**
 * SHLVL: a bash that sshd starts reads root's .bashrc for every command, unless it is started within another shell. That file is this machine's;
 * a node has nothing to do with it, and some take longer than all that the node is asked for.
 */
const sshdConfig = (node: LabNode): string => `# the ssh server of a lab node
ListenAddress ${node.ip}:22
HostKey /run/lab/ssh/host_key
PidFile /run/lab/ssh/sshd.pid
AuthorizedKeysFile /run/lab/ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PermitUserRC no
SetEnv SHLVL=1
PrintMotd no
PrintLastLog no
StrictModes no
MaxStartups 100:30:200
MaxSessions 100
Subsystem sftp internal-sftp
`;

/**
 * The way into the underlay's namespace is bash's /dev/tcp: no program beyond what the lab needs anyway. The shell gives its own stdout to the
 * socket, so that the client sees the end when the server closes; when the client closes, the reader is
 * ended. ssh sends SIGHUP on its way out: the shell must outlive that, or the reader would hold the connection until the server's grace time ends.
 */
function sshConfig(lab: Lab): string {
  const relay = (netns: string) =>
    `nsenter --net=/run/netns/${netns} bash -c 'trap : HUP; exec 3<>/dev/tcp/$0/$1 || exit 1; cat <&3 & exec >&3; cat; kill $! 2>/dev/null' %h %p`;
  // From the node's own physical host: another has gateways with the same addresses, to which the answers would go.
  const hosts = lab.nodes.map(
    (node) =>
      `Host ${node.name}\n  HostName ${node.ip}\n  HostKeyAlias ${node.name}\n  ProxyCommand ${relay(node.enis?.[0]?.fabric ?? lab.underlay)}\n`,
  );
  return `${hosts.join('')}
Host *
  User root
  Port 22
  IdentityFile ${lab.dir}/ssh/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile ${lab.dir}/ssh/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  PasswordAuthentication no
  LogLevel ERROR
`;
}

/** Starts a node's sshd and waits until it listens: it writes its pid after that. */
export async function startSshd(lab: Lab, node: LabNode, signal?: AbortSignal): Promise<void> {
  const script = `/usr/sbin/sshd -f /run/lab/ssh/sshd_config -E /run/lab/ssh/sshd.log || exit 1
i=0
while [ ! -s /run/lab/ssh/sshd.pid ]; do
  i=$((i + 1))
  if [ $i -gt 100 ]; then cat /run/lab/ssh/sshd.log >&2; exit 1; fi
  sleep 0.05
done`;
  const ran = await runIn(lab, node.name, script, signal ? {signal} : {});
  if (ran.code !== 0) throw new Failure(`sshd of ${node.name} did not start: ${ran.stderr.trim()}`);
}
