import { randomUUID } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The host's own id, made once and kept in `path`. */
export async function loadHostUuid(path: string): Promise<string> {
  const known = await readFile(path, 'utf8').catch(absent);
  if (known === undefined) {
    const fresh = `${path}.${randomUUID()}`;
    await writeFile(fresh, `${randomUUID()}\n`, { flush: true, mode: 0o644 });
    // A link never replaces an id that was written meanwhile.
    await link(fresh, path).catch(() => undefined);
    await unlink(fresh);
  }
  const text = (known ?? (await readFile(path, 'utf8'))).trim().toLowerCase();
  if (uuid.test(text)) return text;
  throw new Error(`${path} holds no UUID; restore it, or remove it to get a new one`);
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
