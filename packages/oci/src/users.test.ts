import { describe, expect, test } from 'vitest';
import { resolveUser, type UserRequest } from './users.ts';

const accounts = {
  passwd:
    'root:x:0:0:root:/root:/bin/sh\n# a comment\nweb:x:33:34:web:/var/www:/bin/false\n1000:x:7:8::/odd:\nbroken:x:a:b\n',
  group: 'root:x:0:\nweb:x:34:\nlogs:x:40:web,other\nvideo:x:44:web\n\n',
};

describe('users of a process', () => {
  test.each<[string, UserRequest, object]>([
    [
      'no user at all is root with its home',
      { imageUser: '' },
      { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
    ],
    [
      'a name brings its group, its further groups and its home',
      { imageUser: 'web' },
      { uid: 33, gid: 34, additionalGids: [34, 40, 44], home: '/var/www' },
    ],
    [
      'a number with an account is that account',
      { imageUser: '33' },
      { uid: 33, gid: 34, additionalGids: [34, 40, 44] },
    ],
    [
      'a number without an account has group 0 and no home',
      { imageUser: '1234' },
      { uid: 1234, gid: 0, additionalGids: [0], home: '/' },
    ],
    [
      'a group of its own leaves the further groups out',
      { imageUser: 'web:logs' },
      { uid: 33, gid: 40, additionalGids: [40] },
    ],
    ['user and group may both be numbers', { imageUser: '5:6' }, { uid: 5, gid: 6 }],
    [
      'a name that looks like a number is a name first',
      { imageUser: '1000' },
      { uid: 7, gid: 8, home: '/odd' },
    ],
    ['an asked-for id is never a name', { imageUser: '', user: 1000 }, { uid: 1000, gid: 0 }],
    [
      'an asked-for user replaces the group of the image too',
      { imageUser: '5:6', user: 'web' },
      { uid: 33, gid: 34 },
    ],
    [
      'an asked-for group alone keeps the user of the image',
      { imageUser: 'web', group: 'video' },
      { uid: 33, gid: 44, additionalGids: [44] },
    ],
    [
      'asked-for further groups are added once',
      { imageUser: 'web', additionalGids: [44, 99] },
      { additionalGids: [34, 40, 44, 99] },
    ],
  ])('%s', (_, request, expected) => {
    expect(resolveUser(request, accounts)).toMatchObject(expected);
  });

  test.each<[UserRequest, string]>([
    [{ imageUser: 'nobody' }, 'no user "nobody"'],
    [{ imageUser: 'web:none' }, 'no group "none"'],
    [{ imageUser: '', user: 'broken' }, 'no user "broken"'],
    [{ imageUser: '4294967295' }, 'no user id'],
    [{ imageUser: '', additionalGids: [-1] }, 'no group id'],
  ])('%o is refused', (request, why) => {
    expect(() => resolveUser(request, accounts)).toThrow(
      expect.objectContaining({ kind: 'invalid', message: expect.stringContaining(why) }),
    );
  });

  test('an image without account files still runs by number', () => {
    expect(resolveUser({ imageUser: '12:13' }, {})).toMatchObject({ uid: 12, gid: 13 });
  });
});
