import { Code, ConnectError } from '@connectrpc/connect';

/** FAILED_PRECONDITION for what only a hypervisor below the host's own kernel has, naming it. */
export function untold(what: string): ConnectError {
  const text = `this host's zones run under qemu, which has no ${what}; xen has. What the host's own kernel says of qemu is in dmesg`;
  return new ConnectError(text, Code.FailedPrecondition);
}
