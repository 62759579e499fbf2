import {mkdtempSync, writeFileSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Command, Errors, Flags, type Interfaces} from '@oclif/core';
import {applyConfiguration} from './edge/configuration.js';
import {errorDocument, type Kind, print, type Results} from './edge/reporters/index.js';
import {printable} from './edge/ui/escape.js';
import {colourLevel, theme} from './edge/ui/theme.js';
import {ExitCode} from './exit-code.js';
import {Failure} from './failure.js';

/** Gives every flag its FLANCTL_* variable, so that flags win over environment over configuration file without a line in any command. */
export function withEnv<T extends Interfaces.FlagInput>(flags: T): T {
  for (const [name, flag] of Object.entries(flags)) flag.env ??= `FLANCTL_${name.replaceAll('-', '_').toUpperCase()}`;
  return flags;
}

/** What every command shares: the output contract, honest exit codes, and one place where failures become words. */
export abstract class BaseCommand extends Command {
  /** Does flanctl.yaml speak to this command? Not to the one that writes it. */
  static readonly configurable: boolean = true;

  static override baseFlags = withEnv({
    quiet: Flags.boolean({summary: 'print results only, no progress and no notices', helpGroup: 'GLOBAL'}),
    'no-color': Flags.boolean({summary: 'no colours (also NO_COLOR=1)', helpGroup: 'GLOBAL'}),
    config: Flags.string({
      summary: 'configuration file',
      description: 'Default: ./flanctl.yaml, then $XDG_CONFIG_HOME/flanctl/flanctl.yaml.',
      helpValue: 'FILE',
      helpGroup: 'GLOBAL',
    }),
  });

  protected quiet = false;
  #noColor = false;

  override async init(): Promise<void> {
    await super.init();
    this.#noColor = this.#isOn('no-color');
    const at = this.argv.findIndex((word) => word === '--config' || word.startsWith('--config='));
    const named =
      at < 0 ? process.env['FLANCTL_CONFIG'] : this.argv[at]!.startsWith('--config=') ? this.argv[at]!.slice(9) : this.argv[at + 1];
    const known = new Set(Object.entries({...this.ctor.baseFlags, ...this.ctor.flags}).map(([name]) => name));
    if ((this.ctor as typeof BaseCommand).configurable) await applyConfiguration(named, known, this.argv);
    this.#noColor = this.#isOn('no-color');
    this.quiet = this.#isOn('quiet');
    // Libraries that draw on the terminal know the variable only.
    if (this.#noColor) process.env['NO_COLOR'] = '1';
    // Whoever read our messages may have gone; that is no bug of ours. (oclif sees to stdout.)
    process.stderr.on('error', () => undefined);
    // A second interrupt ends at once; the first lets a command put things back.
    process.once('SIGINT', () => {
      process.exitCode = ExitCode.interrupted;
      this.interrupted.abort(new Failure('interrupted', {exit: ExitCode.interrupted}));
      process.once('SIGINT', () => {
        // Progress on a terminal hides the cursor.
        if (process.stderr.isTTY) writeSync(2, '\x1b[?25h\n');
        if (this.#parting !== undefined) writeSync(2, `${printable(this.#parting)}\n`);
        process.exit(ExitCode.interrupted);
      });
    });
  }

  /** A global flag or its variable, before anything was parsed: errors of the parser follow them too. */
  #isOn(name: string): boolean {
    const value = process.env[`FLANCTL_${name.replaceAll('-', '_').toUpperCase()}`];
    return words(this.argv).includes(`--${name}`) || /^(true|1|yes|y)$/i.test(value ?? '');
  }

  /** Fires when the user presses ^C; long work takes its signal. */
  protected readonly interrupted = new AbortController();

  #parting: string | undefined;

  /** The command as the operator's, for work that asks, tells and can be interrupted. */
  protected get operator(): Operator {
    return {
      argv: this.argv,
      quiet: this.quiet,
      signal: this.interrupted.signal,
      notice: (message) => this.notice(message),
      parting: (words) => {
        this.#parting = words;
      },
    };
  }

  /** oclif makes no list of a variable's value, as it does of a flag's. */
  protected override async parse<F extends Flat, B extends Flat, A extends Flat>(
    options?: Interfaces.Input<F, B, A>,
    argv?: string[],
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv);
    const flags: Flat = parsed.flags;
    for (const [name, flag] of Object.entries({...options?.baseFlags, ...options?.flags})) {
      const value = flags[name];
      if ('multiple' in flag && flag.multiple && typeof value === 'string') flags[name] = value.split(',').map((word) => word.trim());
    }
    return parsed;
  }

  /** Prints a result in the form that `-o` asks for: the same data whatever the form. */
  protected async emit<K extends Kind>(kind: K, result: Results[K], format: string): Promise<void> {
    const text = await print(kind, result, format, {
      level: colourLevel(process.stdout, {noColor: this.#noColor}),
      width: process.stdout.columns ?? 100,
    });
    await new Promise<void>((resolve) => {
      process.stdout.write(text, () => resolve());
    });
  }

  /** A line for people, on stderr; `--quiet` silences it. */
  protected notice(message: string): void {
    if (!this.quiet) process.stderr.write(`${theme(colourLevel(process.stderr, {noColor: this.#noColor})).dim(printable(message))}\n`);
  }

  protected override async catch(error: Error & {exitCode?: number; oclif?: {exit?: number}; code?: string}): Promise<void> {
    const paint = theme(colourLevel(process.stderr, {noColor: this.#noColor}));
    const machine = /^(json|yaml)$/.exec(this.#formatAsked() ?? '')?.[1];
    const say = async (message: string, hints: readonly string[], exit: number) => {
      process.exitCode = exit;
      process.stderr.write(
        `${paint.error('error:')} ${printable(message)}\n${hints.map((hint) => `  ${paint.dim('→')} ${printable(hint)}\n`).join('')}`,
      );
      if (machine !== undefined) process.stdout.write(await errorDocument(machine, {message, hints, exit}));
    };
    if (error instanceof Failure) return say(error.message, error.hints, error.exit);
    if (this.interrupted.signal.aborted) return say('interrupted', [], ExitCode.interrupted);
    if (error instanceof Errors.ExitError) {
      process.exitCode = error.oclif.exit ?? ExitCode.bug;
      return;
    }
    if (error instanceof Errors.CLIError || error.oclif?.exit !== undefined) {
      // What the parser says of flags and arguments; its context, configuration and all, is not for anybody's terminal. Some of its errors
      // have no exit code of their own and would end as our default, which is for bugs.
      const said = error.message.split('\nSee more help')[0]!.replace(/^The following errors? occurred:\s*/, '');
      const message = said.replace(/\s*\n\s*/g, said.startsWith('Parsing ') ? ': ' : '\n  ').trimEnd();
      return say(message, [`flanctl ${this.id?.replaceAll(':', ' ') ?? ''} --help`], ExitCode.usage);
    }
    const file = join(mkdtempSync(join(tmpdir(), 'flanctl-crash-')), 'crash.txt');
    writeFileSync(
      file,
      `flanctl ${this.config.version} node ${process.version} ${process.platform}\ncommand: ${this.id ?? ''}\n\n${error.stack ?? String(error)}\n`,
    );
    return say(`this is a bug in flanctl: ${error.message}`, [`please report it with ${file}`], ExitCode.bug);
  }

  #formatAsked(): string | undefined {
    const at = this.argv.findIndex((word) => word === '-o' || word === '--output');
    if (at >= 0) return this.argv[at + 1];
    return (
      this.argv.find((word) => word.startsWith('--output='))?.slice(9) ??
      this.argv.find((word) => /^-o./.test(word))?.slice(2) ??
      process.env['FLANCTL_OUTPUT']
    );
  }
}

export interface Operator {
  readonly argv: readonly string[];
  readonly quiet: boolean;
  /** Fires at the first ^C. */
  readonly signal: AbortSignal;
  readonly notice: (message: string) => void;
  /** What to say when a second ^C ends all at once; undefined: nothing. */
  readonly parting: (words: string | undefined) => void;
}

/** Which lab: the same flag, variable and default on every lab command. */
export const labNameFlag = () => Flags.string({summary: 'which lab', helpValue: 'NAME', default: 'demo', env: 'FLANCTL_LAB'});

type Flat = {[name: string]: unknown};

/** The words before `--`: what follows belongs to somebody else. */
const words = (argv: readonly string[]): readonly string[] => (argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv);

/** `-o table|json|yaml`; a command with more forms names them. */
export const outputFlag = (more: readonly string[] = []) =>
  Flags.string({
    char: 'o',
    summary: 'form of the result',
    options: ['table', 'json', 'yaml', ...more],
    default: 'table',
    env: 'FLANCTL_OUTPUT',
  });
