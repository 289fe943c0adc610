import type { Client } from '@connectrpc/connect';
import type { ControlService } from '@protect/proto/control';

export type ControlClient = Client<typeof ControlService>;

/** Where output goes; a terminal has a size and may show colours and redrawn lines. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Where input comes from; only a terminal has a raw mode. */
export interface InputStream extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

/** All that a command touches besides its arguments. */
export interface Cli {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the daemon is: the path of its socket. */
  readonly socketPath: string;
  /** The daemon, connected on the first call. */
  readonly control: ControlClient;
  /** Aborted when the user wants this to end; calls of the daemon end by themselves then. */
  readonly interrupted: AbortSignal;
  /** The status to end with when nothing fails, such as that of a remote command; 0 unless told. */
  setExitCode(code: number): void;
}
