import type { HandlerContext } from '@connectrpc/connect';

/** Set to `false` by a caller who wants what a console holds now and not what follows. */
const followHeader = 'protect-follow';

/** Whether the caller wants no more than the history; told back, so that the caller knows it was understood. */
export function historyOnly(context: Pick<HandlerContext, 'requestHeader' | 'responseHeader'>): boolean {
  const wanted = context.requestHeader.get(followHeader) === 'false';
  if (wanted) context.responseHeader.set(followHeader, 'false');
  return wanted;
}
