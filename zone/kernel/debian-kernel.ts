import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../run.ts';

/** A distribution's kernel package, downloaded and not installed. */
export interface KernelPackage {
  readonly name: string;
  /** Version of the package, such as 6.1.192-2. */
  readonly version: string;
  /** The downloaded .deb. */
  readonly path: string;
}

/** The package that depends on the newest kernel made for virtual machines. */
const metaPackage = 'linux-image-cloud-amd64';

/** Finds the newest kernel package that apt knows and downloads it into `cacheDir` unless it is there. */
export async function downloadKernelPackage(cacheDir: string): Promise<KernelPackage> {
  const depends = await run('apt-cache', ['depends', '--important', metaPackage]).catch(() => '');
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) {
    throw new Error(
      `apt knows no package ${metaPackage}: run apt-get update, then build the zone kernel again`,
    );
  }
  const shown = await run('apt-cache', ['show', '--no-all-versions', name]);
  const version = /^Version: (\S+)$/m.exec(shown)?.[1];
  const fileName = /^Filename: (?:\S*\/)?(\S+\.deb)$/m.exec(shown)?.[1];
  if (version === undefined || fileName === undefined) {
    throw new Error(`apt-cache show ${name} tells no version or file name; run apt-get update`);
  }
  const path = join(cacheDir, fileName);
  if (
    await access(path).then(
      () => true,
      () => false,
    )
  )
    return { name, version, path };
  await mkdir(cacheDir, { recursive: true });
  const staging = await mkdtemp(join(cacheDir, 'download-'));
  try {
    // apt's own download user may not enter the cache folder, and asks for no more than a warning then.
    await run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', `${name}=${version}`], {
      cwd: staging,
    });
    const downloaded = (await readdir(staging)).find((file) => file.endsWith('.deb'));
    if (downloaded === undefined) throw new Error(`apt-get download ${name} left no .deb`);
    await rename(join(staging, downloaded), path);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return { name, version, path };
}
