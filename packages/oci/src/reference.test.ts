import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ImageError } from './image-error.ts';
import { formatReference, parseReference } from './reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('image references', () => {
  test.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20'],
    ['team/app', 'docker.io/team/app:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['index.docker.io/team/app:1', 'docker.io/team/app:1'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/team/app:v1', 'localhost:5000/team/app:v1'],
    ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest'],
    ['[::1]:5000/app:1', '[::1]:5000/app:1'],
    ['ghcr.io/a/b/c__d-e.f:X_y.1', 'ghcr.io/a/b/c__d-e.f:X_y.1'],
    [`ghcr.io/app@${digest}`, `ghcr.io/app@${digest}`],
    [`ghcr.io/app:1@${digest}`, `ghcr.io/app:1@${digest}`],
    ['oci:/srv/images/app', 'oci:/srv/images/app'],
    ['oci:/srv/images/../app/:v2', 'oci:/srv/app:v2'],
    ['oci:/srv/a:b/app', 'oci:/srv/a:b/app'],
  ])('%s means %s', (text, full) => {
    expect(formatReference(parseReference(text))).toBe(full);
    expect(formatReference(parseReference(full))).toBe(full);
  });

  test('any text is a reference whose address can be asked, or refused', () => {
    const part = fc.stringMatching(/^[a-z0-9A-Z.:_@/[\]-]{1,12}$/);
    const text = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join('/')),
    );
    fc.assert(
      fc.property(text, (written) => {
        try {
          const reference = parseReference(written);
          expect(parseReference(formatReference(reference))).toEqual(reference);
          if (reference.kind === 'registry') new URL(`https://${reference.host}/v2/${reference.repository}/`);
        } catch (error) {
          expect(error).toBeInstanceOf(ImageError);
        }
      }),
      { numRuns: 2_000 },
    );
  }, 30_000);

  test.each([
    ['', 'empty'],
    ['Alpine', 'lower case'],
    ['alpine:', 'tag'],
    ['alpine:-x', 'tag'],
    [`alpine:${'x'.repeat(129)}`, 'tag'],
    ['alpine@sha256:12', 'digest'],
    [`alpine@sha512:${'0'.repeat(128)}`, 'digest'],
    ['a//b', 'not allowed'],
    ['../etc', 'host'],
    ['ghcr.io/../x', 'not allowed'],
    ['host_.example/x', 'host'],
    ['host:99999x/app', 'host'],
    ['host:65536/app', 'host'],
    ['[::1::]/app', 'host'],
    ['1.2.3.256/app', 'host'],
    ['al\npine', 'control character'],
    ['oci:relative/folder', 'absolute'],
    ['oci:/folder:bad tag', 'tag'],
    [`ghcr.io/${'a'.repeat(260)}`, 'longer'],
    ['a'.repeat(5000), 'longer'],
  ])('number %# is refused, and the error says why', (text, why) => {
    const error = (() => {
      try {
        parseReference(text);
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(ImageError);
    expect(error).toMatchObject({ kind: 'invalid', message: expect.stringContaining(why) });
  });
});
