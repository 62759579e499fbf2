import {parseSubnetEnv} from '../../flannel/subnet-env.js';
import type {NodeState} from '../../node/state.js';
import type {FileOperation} from '../operation.js';
import {isThere, type Kind, type Line, quoted} from './kind.js';

const sh = (text: string): Line => ({tool: 'sh', text});

/** Any text as the format of printf, on one line: what is not plain is written as octal bytes. */
export function printfFormat(text: string): string {
  let out = '';
  for (const byte of new TextEncoder().encode(text)) {
    if (byte === 10) out += '\\n';
    else if (byte < 32 || byte > 126 || byte === 39) out += `\\${byte.toString(8).padStart(3, '0')}`;
    else if (byte === 92) out += '\\\\';
    else if (byte === 37) out += '%%';
    else out += String.fromCharCode(byte);
  }
  return `'${out}'`;
}

/** Beside the file and renamed into its place, with its owner and mode: a reader finds the old text or the new one. */
function write(path: string, text: string | undefined): readonly Line[] {
  if (text === undefined) return [sh(`rm -f ${quoted(path)}`)];
  const fresh = quoted(`${path}.flanctl`);
  const folder = quoted(path.slice(0, path.lastIndexOf('/')) || '/');
  return [
    sh(
      `{ [ -d ${folder} ] || mkdir -p ${folder}; } && { [ ! -e ${quoted(path)} ] || cp -p ${quoted(path)} ${fresh}; } && ` +
        `printf ${printfFormat(text)} > ${fresh} && mv -f ${fresh} ${quoted(path)}`,
    ),
  ];
}

const isSubnetEnv = (path: string): boolean => path.endsWith('/subnet.env');

/** The text of a file as it was gathered: undefined when it was not looked at. */
function gathered(state: NodeState, path: string): string | 'none' | undefined {
  if (!isSubnetEnv(path)) return undefined;
  const {subnetEnv} = state;
  return isThere(subnetEnv) ? subnetEnv.text : subnetEnv;
}

const lines = (text: string): string => text.trimEnd();

export const file: Kind<FileOperation> = {
  words: ({path, to}) => write(path, to),
  inverse: ({path, to, before}) => [{on: 'file', do: 'replace', path, to: before, before: to}],
  undo: ({path, before}) => [...write(path, before), sh(`rm -f ${quoted(`${path}.flanctl`)}`)],
  expects({path, before}, state) {
    if (!path.startsWith('/')) return `${JSON.stringify(path)} is no absolute path`;
    const now = gathered(state, path);
    if (now === undefined) return undefined;
    const there = now === 'none' ? undefined : lines(now);
    return there === (before === undefined ? undefined : lines(before))
      ? undefined
      : `${path} ${there === undefined ? 'is not there' : 'has changed'}`;
  },
  effect({path, to}, state) {
    if (!isSubnetEnv(path) || state.subnetEnv === undefined) return state;
    if (to === undefined) return {...state, subnetEnv: 'none'};
    const command = `cat ${path}`;
    return {...state, subnetEnv: {...parseSubnetEnv(to, command).env, command, text: to}};
  },
  took({path, to}, state) {
    const now = gathered(state, path);
    if (now === undefined) return undefined;
    const there = now === 'none' ? undefined : lines(now);
    return there === (to === undefined ? undefined : lines(to)) ? undefined : `${path} is not as written`;
  },
  irreversible: () => undefined,
  show: ({path, to, before}) => `${to === undefined ? 'delete' : before === undefined ? 'write' : 'change'} file ${path}`,
};
