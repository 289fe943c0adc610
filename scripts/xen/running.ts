import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAlive } from '../stack/process-id.ts';
import { projectRoot } from '../stack/stack.ts';
import { connectDom0, type Dom0Connection, dom0RecordSchema } from './connection.ts';
import type { Dom0 } from './dom0.ts';

/** Leads to the record of the Dom0 that `npm run xen` runs. */
const link = join(projectRoot, '.cache/xen/running');

/** The Dom0 that another `npm run xen` of this working tree runs. */
export function runningDom0(): Dom0Connection | undefined {
  if (!existsSync(link)) return undefined;
  const record = dom0RecordSchema.safeParse(JSON.parse(readFileSync(link, 'utf8')));
  return record.success && isAlive(record.data.qemu) ? connectDom0(link) : undefined;
}

/** Makes this Dom0 the one that `runningDom0` finds. */
export async function announceDom0(dom0: Dom0): Promise<AsyncDisposable> {
  await mkdir(dirname(link), { recursive: true });
  await rm(link, { force: true });
  await symlink(dom0.recordPath, link);
  return { [Symbol.asyncDispose]: () => rm(link, { force: true }) };
}
