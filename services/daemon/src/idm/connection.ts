import type { Duplex } from 'node:stream';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ZoneId } from '@protect/config/ids';
import type {
  DialOpenSchema,
  Event,
  ExecOpenSchema,
  Hello,
  RequestSchema,
  Response,
  WorkloadIoOpenSchema,
} from '@protect/proto/idm';
import type { Logger } from 'pino';
import type { IdmBudget } from './limits.ts';
import type { IdmTap } from './snoop.ts';
import type { IdmStream } from './stream.ts';
import { StreamIdmConnection } from './stream-connection.ts';

/** One of Request's cases with its content. */
export type RequestInit = NonNullable<MessageInitShape<typeof RequestSchema>['request']>;

export interface IdmConnectionOptions {
  readonly zoneId: ZoneId;
  readonly logger: Logger;
  /** The daemon's version, for the zone's log. */
  readonly version: string;
  readonly budget?: IdmBudget;
  readonly tap?: IdmTap;
}

export interface CallOptions {
  /** Milliseconds to wait; 10,000 when left out. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** The host's end of one zone's channel. */
export interface IdmConnection {
  /** Introduces both sides; needed before streams. FAILED_PRECONDITION when no version is shared. */
  hello(options?: CallOptions): Promise<Hello>;
  /**
   * One request and its answer. Throws the zone's error with its code, DEADLINE_EXCEEDED, CANCELED,
   * UNAVAILABLE when the connection ends, RESOURCE_EXHAUSTED when too much waits or the request is too large.
   */
  request(request: RequestInit, options?: CallOptions): Promise<Response>;
  /** Runs a command; FAILED_PRECONDITION before the hello. */
  exec(open: MessageInitShape<typeof ExecOpenSchema>, options?: { signal?: AbortSignal }): IdmStream;
  /** Carries a workload's input and output; FAILED_PRECONDITION before the hello. */
  workloadIo(
    open: MessageInitShape<typeof WorkloadIoOpenSchema>,
    options?: { signal?: AbortSignal },
  ): IdmStream;
  /** Connects with a TCP port of the zone; FAILED_PRECONDITION before the hello. */
  dial(open: MessageInitShape<typeof DialOpenSchema>, options?: { signal?: AbortSignal }): IdmStream;
  /**
   * Calls back for each event of the zone, in order, until the returned function is called. Events before
   * the hello's answer are left from an earlier connection and dropped: the inventory that follows repeats them.
   */
  onEvent(callback: (event: Event) => void): () => void;
  /** Settles with the reason when the channel is no longer usable; never rejects. */
  readonly closed: Promise<string>;
  close(): void;
}

/** Speaks IDM over `stream`, which it owns from now on. */
export function openIdmConnection(stream: Duplex, options: IdmConnectionOptions): IdmConnection {
  return new StreamIdmConnection(stream, options);
}
