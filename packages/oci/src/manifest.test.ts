import { describe, expect, test } from 'vitest';
import { choosePlatform, parseIndex, parseManifest } from './manifest.ts';

const digest = (character: string) => `sha256:${character.repeat(64)}`;
const image = (character: string, more: object = {}) => ({
  mediaType: 'm',
  digest: digest(character),
  size: 1,
  ...more,
});
const platform = (os: string, architecture: string) => ({ platform: { os, architecture } });
const index = (...manifests: object[]) =>
  parseIndex(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })), 'the index');

describe('image indexes', () => {
  test('the image for linux/amd64 is chosen', () => {
    const chosen = choosePlatform(
      index(image('a', platform('linux', 'arm64')), image('b', platform('linux', 'amd64'))),
      'x',
    );
    expect(chosen.digest).toBe(digest('b'));
  });

  test('a single image without a platform is taken', () => {
    expect(choosePlatform(index(image('c')), 'x').digest).toBe(digest('c'));
  });

  test('attestations are no images', () => {
    const attestation = image('d', {
      ...platform('unknown', 'unknown'),
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    });
    expect(() => choosePlatform(index(attestation), 'x')).toThrow(/no image for linux\/amd64/);
  });

  test('an image for other platforms only is refused with their names', () => {
    const wrong = index(image('a', platform('linux', 'arm64')), image('b', platform('windows', 'amd64')));
    expect(() => choosePlatform(wrong, 'app:1')).toThrow(
      'app:1 has no image for linux/amd64, only for linux/arm64, windows/amd64',
    );
  });
});

describe('manifests', () => {
  test.each([
    ['not JSON', '{', 'is not JSON'],
    ['version 1', '{"schemaVersion":1,"config":{}}', 'schemaVersion'],
    ['without layers', JSON.stringify({ schemaVersion: 2, config: image('a') }), 'layers'],
    [
      'with a path for a digest',
      JSON.stringify({ schemaVersion: 2, config: { ...image('a'), digest: 'sha256:../../x' }, layers: [] }),
      'config.digest',
    ],
    [
      'with a negative size',
      JSON.stringify({ schemaVersion: 2, config: { ...image('a'), size: -1 }, layers: [] }),
      'config.size',
    ],
    [
      'with 513 layers',
      JSON.stringify({ schemaVersion: 2, config: image('a'), layers: Array(513).fill(image('b')) }),
      'layers',
    ],
    ['an array', '[]', 'not valid'],
  ])('a manifest that is %s is refused with the reason', (_, text, why) => {
    expect(() => parseManifest(Buffer.from(text), 'the manifest')).toThrow(
      expect.objectContaining({ kind: 'broken', message: expect.stringContaining(why) }),
    );
  });
});
