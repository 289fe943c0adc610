import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '../run-tool.ts';

/** A certificate with its key, as PEM and as files. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** An issuer of certificates, in a folder that goes with it. */
export interface TestAuthority extends TestCertificate, AsyncDisposable {
  readonly folder: string;
  /** A certificate for `name`; `-1` days for one that has ended. */
  issue(name: string, days?: number): Promise<TestCertificate>;
}

const timeoutMs = 20_000;
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes an authority with openssl, for tests. */
export async function createTestAuthority(name: string): Promise<TestAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'protect-certificates-'));
  const openssl = (...args: string[]) => runTool('openssl', args, { timeoutMs, cwd: folder });
  const files = (stem: string) => ({
    certFile: join(folder, `${stem}.pem`),
    keyFile: join(folder, `${stem}.key`),
  });
  const read = async (stem: string): Promise<TestCertificate> => {
    const { certFile, keyFile } = files(stem);
    const [cert, pem] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    return { cert, key: pem, certFile, keyFile };
  };
  const own = files('authority');
  const out = ({ certFile, keyFile }: typeof own) => ['-out', certFile, '-keyout', keyFile];
  await openssl('req', '-x509', ...key, ...out(own), '-subj', `/CN=${name}`, '-days', '2');
  return {
    ...(await read('authority')),
    folder,
    async issue(subject, days = 1) {
      const { certFile, keyFile } = files(subject);
      const request = join(folder, `${subject}.csr`);
      await openssl('req', ...key, '-out', request, '-keyout', keyFile, '-subj', `/O=tests/CN=${subject}`);
      const extensions = join(folder, 'extensions');
      await writeFile(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n');
      await openssl(
        ...['x509', '-req', '-in', request, '-out', certFile, '-days', String(days), '-CAcreateserial'],
        ...['-CA', own.certFile, '-CAkey', own.keyFile, '-extfile', extensions],
      );
      return read(subject);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
