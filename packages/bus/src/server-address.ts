import { readFile } from 'node:fs/promises';
import type { StatePaths } from '@protect/config/paths';
import { z } from 'zod';
import type { BusUser } from './subjects.ts';

/** Where nats-server listens. */
export interface ServerAddress {
  readonly url: string;
  readonly port: number;
}

export interface BusCredentials {
  readonly user: string;
  readonly password: string;
}

const addressSchema = z.object({ url: z.string().min(1), port: z.int().min(1).max(65_535) });
const credentialsSchema = z.object({ user: z.string().min(1), password: z.string().min(1) });

/** Throws when nobody has prepared a server for this state folder yet (ENOENT), or the file is broken. */
export async function readServerAddress(paths: StatePaths): Promise<ServerAddress> {
  return addressSchema.parse(JSON.parse(await readFile(paths.natsServerAddress, 'utf8')));
}

/** Throws like `readServerAddress`. */
export async function readCredentials(paths: StatePaths, user: BusUser): Promise<BusCredentials> {
  return credentialsSchema.parse(JSON.parse(await readFile(paths.natsCredentials(user), 'utf8')));
}
