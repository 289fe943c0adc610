import { Code, ConnectError } from '@connectrpc/connect';

/** UNIMPLEMENTED, naming the first field that is set, so that nothing asked for is silently left out. */
export function refuseFields(of: string, fields: Readonly<Record<string, boolean>>): void {
  for (const [field, isSet] of Object.entries(fields)) {
    if (isSet) throw new ConnectError(`${field} of ${of} is not available yet`, Code.Unimplemented);
  }
}
