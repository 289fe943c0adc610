import { isIP } from 'node:net';
import { ConfigurationError } from '@protect/service/errors';

/** Where to listen; an IP address and a port. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `127.0.0.1:3035` or `[::1]:3035`. Throws ConfigurationError. */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (isIP(host) === (bracketed === undefined ? 4 : 6) && port <= 65_535) return { host, port };
  throw new ConfigurationError(
    `--metrics-http-listen-addr ${text}: not an address and port such as 127.0.0.1:3035 or [::1]:3035`,
  );
}
