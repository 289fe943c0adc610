import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TcpListenConfig } from '@protect/config/daemon-config';
import { ConfigurationError, toError } from '@protect/service/errors';

/** What it takes to serve over TLS, as PEM. */
export interface TlsCredentials {
  readonly cert: string;
  /** When clients stop to take the certificate. */
  readonly validTo: Date;
  readonly key: string;
  readonly clientCa: string;
}

/**
 * Reads the files and tries whether they can work. Throws ConfigurationError with every file that cannot, and
 * why.
 */
export async function loadTlsCredentials(config: TcpListenConfig): Promise<TlsCredentials> {
  const problems: string[] = [];
  const attempt = async <T>(key: string, path: string, work: (pem: string) => T): Promise<T | undefined> => {
    try {
      return work(await readFile(path, 'utf8'));
    } catch (error) {
      problems.push(`${path} (runtime.listen.tcp.${key}): ${reasonOf(error)}`);
      return undefined;
    }
  };
  const cert = await attempt('cert', config.certPath, (pem) => ({ pem, parsed: firstCertificate(pem) }));
  const key = await attempt('key', config.keyPath, (pem) => ({ pem, parsed: privateKey(pem) }));
  const clientCa = await attempt('client-ca', config.clientCaPath, (pem) => {
    for (const one of certificatesIn(pem)) new X509Certificate(one);
    return pem;
  });
  if (cert !== undefined && key !== undefined && !cert.parsed.checkPrivateKey(key.parsed)) {
    problems.push(`${config.keyPath} (runtime.listen.tcp.key): is not the key of ${config.certPath}`);
  }
  if (cert === undefined || key === undefined || clientCa === undefined || problems.length > 0) {
    throw new ConfigurationError(problems.join('\n'));
  }
  return { cert: cert.pem, validTo: cert.parsed.validToDate, key: key.pem, clientCa };
}

function firstCertificate(pem: string): X509Certificate {
  const [first = ''] = certificatesIn(pem);
  return new X509Certificate(first);
}

function privateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error('is no private key in PEM form without a passphrase', { cause });
  }
}

function certificatesIn(pem: string): string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  // Without any, TLS would take the authorities of the whole world.
  if (found === null) throw new Error('holds no certificate in PEM form');
  return found;
}

function reasonOf(thrown: unknown): string {
  const error = toError(thrown);
  return 'code' in error && error.code === 'ENOENT' ? 'there is no such file' : error.message;
}
