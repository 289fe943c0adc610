import { Code, ConnectError } from '@connectrpc/connect';
import { ImageError } from '@protect/oci/image-error';
import { describe, expect, it } from 'vitest';
import { toCallError } from './call-error.ts';

const going = new AbortController().signal;
const mapped = (thrown: unknown) => toCallError(thrown, 'GetZone', going);

describe('the error that a caller gets', () => {
  it('is the one that was thrown when it has a code already', () => {
    const error = new ConnectError('there is no zone', Code.NotFound);
    expect(mapped(error)).toBe(error);
  });

  it.each([
    ['not-found', Code.NotFound],
    ['broken', Code.InvalidArgument],
    ['denied', Code.PermissionDenied],
    ['unavailable', Code.Unavailable],
    ['unsupported', Code.Unimplemented],
    ['limit', Code.ResourceExhausted],
    ['invalid', Code.InvalidArgument],
  ] as const)('tells of an image that is %s with its words', (kind, code) => {
    expect(mapped(new ImageError(kind, 'the index is no JSON'))).toMatchObject({
      code,
      rawMessage: 'the index is no JSON',
    });
  });

  it('tells nothing of an unknown failure, and keeps it as the cause for the log', () => {
    const cause = new Error('password=secret');
    const error = mapped(cause);
    expect(error).toMatchObject({ code: Code.Internal, cause });
    expect(error.message).not.toContain('secret');
    expect(mapped('a string')).toMatchObject({ code: Code.Internal });
  });

  it('is RESOURCE_EXHAUSTED when the disk is full, and names no path', () => {
    const error = mapped(new Error('/state/db/daemon.db: database or disk is full'));
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    expect(error.message).not.toContain('/state');
  });

  it('is never UNKNOWN', () => {
    expect(mapped(new ConnectError('what?', Code.Unknown)).code).toBe(Code.Internal);
  });

  it('is UNAVAILABLE when something other than the caller set the deadline that has passed', () => {
    const late = new ConnectError('the zone did not answer for 60 s', Code.DeadlineExceeded);
    expect(mapped(late)).toMatchObject({ code: Code.Unavailable, rawMessage: late.rawMessage });
    expect(mapped(AbortSignal.timeout(0).reason ?? new DOMException('late', 'TimeoutError')).code).toBe(
      Code.Unavailable,
    );
  });

  it('is ABORTED when something other than the caller gave the work up', () => {
    expect(mapped(new ConnectError('waiting was canceled', Code.Canceled)).code).toBe(Code.Aborted);
    expect(mapped(new DOMException('gone', 'AbortError')).code).toBe(Code.Aborted);
  });

  it.each([
    ['its deadline has passed', new ConnectError('late', Code.DeadlineExceeded), Code.DeadlineExceeded],
    ['it has gone away', new ConnectError('reset', Code.Canceled), Code.Canceled],
    ['its connection has broken', undefined, Code.Canceled],
    ['NATS is lost', new ConnectError('nats-server is away', Code.Unavailable), Code.Unavailable],
  ])('says so when %s, whatever that broke', (_title, reason, code) => {
    const aborted = AbortSignal.abort(reason);
    const broken = [
      new Error('premature close'),
      new ConnectError('waiting was canceled', Code.Canceled),
      new ConnectError('no answer', Code.DeadlineExceeded),
      aborted.reason,
    ];
    for (const thrown of broken) expect(toCallError(thrown, 'GetZone', aborted).code).toBe(code);
    const refusal = new ConnectError('there is no zone', Code.NotFound);
    expect(toCallError(refusal, 'GetZone', aborted)).toBe(refusal);
  });
});
