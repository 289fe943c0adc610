import { Code, ConnectError } from '@connectrpc/connect';
import { ImageError } from '@protect/oci/image-error';
import { describe, expect, it } from 'vitest';
import { toWireError } from './interceptor.ts';

describe('an error on the wire', () => {
  it('is the one that was thrown when it has a code already', () => {
    const error = new ConnectError('there is no zone', Code.NotFound);
    expect(toWireError(error)).toBe(error);
  });

  it.each([
    ['not-found', Code.NotFound],
    ['broken', Code.InvalidArgument],
    ['denied', Code.PermissionDenied],
    ['unavailable', Code.Unavailable],
    ['limit', Code.ResourceExhausted],
  ] as const)('tells of an image that is %s with its words', (kind, code) => {
    expect(toWireError(new ImageError(kind, 'the index is no JSON'))).toMatchObject({
      code,
      rawMessage: 'the index is no JSON',
    });
  });

  it('tells nothing of an unknown failure, and keeps it as the cause for the log', () => {
    const cause = new Error('password=secret');
    const error = toWireError(cause);
    expect(error).toMatchObject({ code: Code.Internal, cause });
    expect(error.message).not.toContain('secret');
  });
});
