import {shownEndpoint, type WgPeer} from '../../core/kernel/wg.js';
import {contains} from '../../core/net/prefix.js';
import {ShowCommand} from '../../show-command.js';

export default class ShowWg extends ShowCommand<WgPeer> {
  static override summary = 'WireGuard peers of every node, without secrets';
  static override examples = [
    {description: 'To whom a pod address is encrypted', command: '<%= config.bin %> show wg --lab demo --to 10.244.2.2'},
  ];
  protected readonly table = 'wg';
  protected readonly columns = ['dev', 'publicKey', 'endpoint', 'allowedIPs', 'latestHandshake', 'rxBytes', 'txBytes', 'keepalive'];

  protected override concerns(row: WgPeer, address: string) {
    return row.endpoint?.address === address || row.allowedIPs.some((prefix) => contains(prefix, address));
  }

  protected cells(row: WgPeer) {
    return {
      dev: row.dev,
      publicKey: row.publicKey,
      endpoint: row.endpoint && shownEndpoint(row.endpoint),
      allowedIPs: row.allowedIPs.join(' ') || undefined,
      latestHandshake: row.latestHandshake === undefined ? undefined : new Date(row.latestHandshake * 1000).toISOString(),
      rxBytes: row.rxBytes,
      txBytes: row.txBytes,
      keepalive: row.persistentKeepalive,
    };
  }
}
