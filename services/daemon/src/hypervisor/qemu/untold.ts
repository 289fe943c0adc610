import { Code, ConnectError } from '@connectrpc/connect';

/** FAILED_PRECONDITION for what only a hypervisor below the host's own kernel has. */
export function untold(what: string): ConnectError {
  const text = `${what} is there on Xen; this host runs zones with the qemu driver, and its kernel log (dmesg) is the host's own`;
  return new ConnectError(text, Code.FailedPrecondition);
}
