// Copied into an earlier tree by record.ts and run there: uses of that tree what this one still has as well.
import { cpSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { writeLayout } from '../../packages/oci/src/layout-writer.ts';
import { launchWorkload, launchZone, pullImage, workloadEnd } from '../system/guests.ts';
import { busyboxImage } from '../system/images.ts';
import { startStack } from '../system/stack.ts';

/** Files above this are disks and images, not records. */
const fileMaxBytes = 64 * 1024;

const [target = ''] = process.argv.slice(2);
const image = await busyboxImage();
const layout = join(target, '../tiny-image');
await writeLayout(layout, {
  layers: [[{ type: 'file', path: 'greeting', source: { bytes: Buffer.from('hello\n') } }]],
});
const stack = await startStack();
let imageDigest = '';
try {
  const { client, services, state } = stack;
  imageDigest = await pullImage(client, `oci:${layout}`);
  const zone = (await launchZone(client, { name: 'recorded' })).id;
  const running = await launchWorkload(client, zone, image, ['sleep', '100000'], { name: 'running' });
  const completed = await launchWorkload(client, zone, image, ['sh', '-c', 'echo of old; exit 3'], {
    name: 'completed',
  });
  await workloadEnd(client, completed);
  await Promise.all(Object.values(services).map((service) => service.kill9()));
  for (const service of ['daemon', 'network', 'storage']) {
    const database = new DatabaseSync(join(state, 'db', `${service}.db`));
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    database.close();
  }
  for (const part of ['db', 'zones', 'cache/image', 'host.uuid']) {
    cpSync(join(state, part), join(target, part), { recursive: true, filter: isRecord });
  }
  console.log(JSON.stringify({ zone, running, completed, imageDigest }));
} finally {
  await stack[Symbol.asyncDispose]();
}

function isRecord(path: string): boolean {
  // Of the images only the tiny one, which is whole.
  const [, digest] = /\/cache\/image\/([0-9a-f]{64})-/.exec(path) ?? [];
  if (digest !== undefined && imageDigest !== `sha256:${digest}`) return false;
  const entry = lstatSync(path);
  return entry.isDirectory() ? !path.endsWith('/disks') : entry.isFile() && entry.size <= fileMaxBytes;
}
