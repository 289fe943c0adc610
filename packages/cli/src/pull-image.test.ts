import { join } from 'node:path';
import { expect, test } from 'vitest';
import { absoluteLayout } from './pull-image.ts';

test.each([
  ['oci:images/web:1.2', `oci:${join(process.cwd(), 'images/web:1.2')}`],
  ['oci:./images/', `oci:${join(process.cwd(), 'images')}`],
  ['oci:/images/web', 'oci:/images/web'],
  ['alpine', 'alpine'],
  ['host:5000/x@sha256:ab', 'host:5000/x@sha256:ab'],
])('%s is asked of the daemon as %s', (given, asked) => {
  expect(absoluteLayout(given)).toBe(asked);
});
