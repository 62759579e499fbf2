import {foldKeys} from '../../flannel/net-conf.js';
import {modeOf} from '../../modes/index.js';
import type {FileOperation} from '../operation.js';
import type {Target} from '../plan.js';
import {netConfText} from './net-conf-text.js';
import type {NodeFile} from './options.js';

/** flannel's own files on a node, as its flanneld would have them at the target: without it they are what new pods and doctor go by. */
export const filesChanged = (files: readonly NodeFile[], target: Target, mtu: number): readonly FileOperation[] =>
  files.flatMap(({name, path, text}) => {
    const to = name === 'subnet.env' ? withMtu(text, mtu) : withBackendText(text, target);
    return to === undefined || to === text ? [] : [{on: 'file', do: 'replace', path, to, before: text}];
  });

function withMtu(text: string, mtu: number): string {
  const line = `FLANNEL_MTU=${mtu}`;
  if (/^(export\s+)?FLANNEL_MTU=/m.test(text))
    return text.replace(/^(export\s+)?FLANNEL_MTU=.*$/m, (_, word: string | undefined) => `${word ?? ''}${line}`);
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
}

/** Undefined when the text is no JSON: then nobody can say what flanneld would make of it, and it is left alone. */
function withBackendText(text: string, target: Target): string | undefined {
  try {
    return netConfText(text, withBackend(JSON.parse(text), target));
  } catch {
    return undefined;
  }
}

/** net-conf.json with the target's Backend and all else as it was. Keys are flannel's, which reads them without regard to case. */
export function withBackend(conf: unknown, {type, settings}: Target): unknown {
  if (typeof conf !== 'object' || conf === null || Array.isArray(conf)) return conf;
  const entries = Object.entries(conf);
  const old = entries.find(([key]) => key.toLowerCase() === 'backend')?.[1] as unknown;
  const folded = foldKeys(old);
  const same = String(folded['type'] ?? 'udp').toLowerCase() === type;
  const own = ['type', 'vni', 'port', 'directrouting', 'persistentkeepaliveinterval'];
  const kept = same ? Object.entries(old as object).filter(([key]) => !own.includes(key.toLowerCase())) : [];
  const takes = modeOf(type)?.takes ?? [];
  const tunnel = {
    ...(takes.includes('vni') && {VNI: settings.vni}),
    ...(takes.includes('port') && settings.port !== 8472 && {Port: settings.port}),
    ...(takes.includes('directRouting') && settings.directRouting && {DirectRouting: true}),
    ...((settings.keepalive ?? 0) > 0 && {PersistentKeepaliveInterval: settings.keepalive}),
  };
  const backend = {Type: type, ...tunnel, ...Object.fromEntries(kept)};
  if (old === undefined) return {...conf, Backend: backend};
  return Object.fromEntries(entries.map(([key, value]) => [key, key.toLowerCase() === 'backend' ? backend : value]));
}
