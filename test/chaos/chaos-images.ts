import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { writeLayout } from '../../packages/oci/src/layout-writer.ts';
import { startRegistry } from '../../packages/oci/test/registry-process.ts';
import { busyboxImage } from '../system/images.ts';

/** A registry with what a chaos run needs. */
export interface ChaosImages extends AsyncDisposable {
  /** What workloads run. */
  readonly busybox: string;
  /** Pulled again and again; large enough that a fault finds the pull under way. */
  readonly large: string;
  /** Digest of the manifest of `large`. */
  readonly largeDigest: string;
}

const largeMib = 16;

export async function makeChaosImages(): Promise<ChaosImages> {
  await using held = new AsyncDisposableStack();
  const registry = held.use(await startRegistry());
  const folder = held.adopt(await mkdtemp(join(tmpdir(), 'protect-chaos-images-')), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const layout = join(folder, 'large');
  const bytes = randomBytes(largeMib * 1024 * 1024);
  await writeLayout(layout, { layers: [[{ type: 'file', path: 'noise', source: { bytes } }]] });
  const busybox = `${registry.host}/chaos/busybox:latest`;
  const large = `${registry.host}/chaos/large:latest`;
  const copy = async (from: string, to: string) => {
    await execa('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', from, `docker://${to}`]);
  };
  await copy(await busyboxImage(), busybox);
  await copy(`oci:${layout}:latest`, large);
  const inspect = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${large}`];
  const { stdout: largeDigest } = await execa('skopeo', inspect);
  const all = held.move();
  return { busybox, large, largeDigest, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
