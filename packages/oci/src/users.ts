import type { Accounts } from './assemble.ts';
import { ImageError } from './image-error.ts';

/** Whom a process runs as. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  /** Its own group is the first, so that a file that shuts that group out cannot be had by giving the group up. */
  readonly additionalGids: readonly number[];
  /** Home folder of the account; `/` without one. */
  readonly home: string;
}

export interface UserRequest {
  /** `User` of the image configuration. */
  readonly imageUser: string;
  /** A number or a name; takes the place of the image's user and group. */
  readonly user?: number | string | undefined;
  readonly group?: number | string | undefined;
  readonly additionalGids?: readonly number[] | undefined;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** Linux keeps 2^32-1 for "no change". */
const maxId = 0xfffffffe;

/**
 * Finds user, group and further groups the way Docker does: names by the image's own account files; a bare number
 * need not have an account and gets group 0 then; the account's further groups only when no group was named.
 */
export function resolveUser(request: UserRequest, accounts: Accounts): ProcessUser {
  const [imageUser = '', imageGroup] = splitOnce(request.imageUser);
  const wantedUser = request.user ?? imageUser;
  const wantedGroup = request.group ?? (request.user === undefined ? imageGroup : undefined);
  const passwd = parsePasswd(accounts.passwd ?? '');
  const groups = parseGroup(accounts.group ?? '');
  const account = findUser(wantedUser === '' ? 0 : wantedUser, passwd);
  const named = wantedGroup === undefined || wantedGroup === '' ? undefined : findGroup(wantedGroup, groups);
  const memberships = groups.filter(
    ({ members }) => account.name !== undefined && members.includes(account.name),
  );
  const further = named === undefined ? memberships.map(({ gid }) => gid) : [];
  const extra = (request.additionalGids ?? []).map((gid) => checkId(gid, 'group'));
  const gid = named ?? account.gid;
  return {
    uid: account.uid,
    gid,
    additionalGids: [...new Set([gid, ...further, ...extra])],
    home: account.home,
  };
}

function findUser(
  wanted: number | string,
  passwd: readonly PasswdEntry[],
): { name: string | undefined; uid: number; gid: number; home: string } {
  const byName = passwd.find(({ name }) => name === wanted);
  if (byName !== undefined) return byName;
  const uid = typeof wanted === 'number' ? checkId(wanted, 'user') : parseId(wanted, 'user');
  if (uid === undefined) {
    const remedy = 'use a name of its /etc/passwd or a number';
    throw new ImageError('invalid', `the image has no user ${JSON.stringify(wanted)}; ${remedy}`);
  }
  return passwd.find((entry) => entry.uid === uid) ?? { name: undefined, uid, gid: 0, home: '/' };
}

function findGroup(wanted: number | string, groups: readonly GroupEntry[]): number {
  const byName = groups.find(({ name }) => name === wanted);
  if (byName !== undefined) return byName.gid;
  const gid = typeof wanted === 'number' ? checkId(wanted, 'group') : parseId(wanted, 'group');
  if (gid !== undefined) return gid;
  const remedy = 'use a name of its /etc/group or a number';
  throw new ImageError('invalid', `the image has no group ${JSON.stringify(wanted)}; ${remedy}`);
}

function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid = '', gid = '', , home = ''] = line.split(':');
    if (name === undefined || name === '' || !isId(uid) || !isId(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home: home === '' ? '/' : home }];
  });
}

function parseGroup(text: string): GroupEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name, , gid = '', members = ''] = line.split(':');
    if (name === undefined || name === '' || !isId(gid)) return [];
    return [{ name, gid: Number(gid), members: members.trim().split(',').filter(Boolean) }];
  });
}

function splitOnce(text: string): [string] | [string, string] {
  const colon = text.indexOf(':');
  return colon === -1 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}

function isId(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) <= maxId;
}

function parseId(text: string, what: 'user' | 'group'): number | undefined {
  return /^\d+$/.test(text) ? checkId(Number(text), what) : undefined;
}

function checkId(id: number, what: 'user' | 'group'): number {
  if (Number.isInteger(id) && id >= 0 && id <= maxId) return id;
  throw new ImageError('invalid', `${id} is no ${what} id; ids are whole numbers up to ${maxId}`);
}
