import type { Caller } from '../callers/caller.ts';
import type { CallObject } from './call-object.ts';

/**
 * What the audit says of a call. A unary call has one record, `call`; a stream has `begin`, once it is known
 * what it is about, and `end`.
 */
export interface CallRecord {
  /** Names the call, the same in both records of a stream. */
  readonly call: string;
  readonly phase: 'call' | 'begin' | 'end';
  /** When the call began. */
  readonly time: Date;
  /** As in the .proto, such as CreateZone. */
  readonly method: string;
  /** connect, grpc, grpc-web or nats. */
  readonly protocol: string;
  readonly caller: Caller;
  readonly object: CallObject;
  /** `ok`, or the code as Connect writes it, such as `not_found`; absent in `begin`. */
  readonly code?: string;
  /** Absent in `begin`. */
  readonly durationMs?: number;
}
