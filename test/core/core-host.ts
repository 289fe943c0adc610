/** How a command on the host ended; `command` is what was typed, for messages. */
export interface CommandResult {
  readonly command: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Given on standard input, which otherwise is empty. */
  readonly input?: string;
  /** The host's patience when absent. */
  readonly timeoutMs?: number;
}

/** A `protect` command that goes on. Disposing ends it when it has not ended by itself. */
export interface RunningCommand extends AsyncDisposable {
  /** Types into its standard input. */
  write(text: string): void;
  endInput(): void;
  /**
   * The next line of standard output that matches, after the one that the last call gave. Rejects, with all that
   * was printed, when the command ends without it or the host's patience does.
   */
  line(pattern: RegExp): Promise<string>;
  /** Settles with its end; rejects after the host's patience. */
  end(): Promise<CommandResult>;
}

/** A host with Protect's services, driven as a user does. Disposing lets go of it and of all that was started for it. */
export interface CoreHost extends AsyncDisposable {
  readonly driver: 'qemu' | 'xen';
  /** Reference of the busybox image, for `protect workload launch`. */
  readonly image: string;
  /** How long one thing may take here until a test gives up. */
  readonly patienceMs: number;
  /** Runs the real `protect` command to its end; a failure is a result. */
  protect(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Starts one that goes on, such as `attach`, `idm-snoop` or `logs --follow`. */
  start(args: readonly string[]): RunningCommand;
  /** Any other program of the host. */
  execOnHost(argv: readonly string[]): Promise<CommandResult>;
  /** SIGKILL; settles when the daemon has gone. */
  killDaemon(): Promise<void>;
  /** Settles when it is ready again. */
  startDaemon(): Promise<void>;
  /** Ends a machine behind the daemon's back: `xl destroy`, or SIGKILL to QEMU. */
  endMachine(domid: number): Promise<void>;
  /** Why a zone failed whose machine was ended so: a driver tells what it saw. */
  readonly endedOutside: RegExp;
  /** What is there beyond a snapshot made at the beginning, by kind, once the host has come to rest; {} is nothing. */
  leftovers(): Promise<Readonly<Record<string, readonly string[]>>>;
  /** Logs that tell why something failed. */
  diagnose(): Promise<string>;
}
