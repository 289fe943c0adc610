import { expect, test } from 'vitest';
import { daemonToml } from '../packages/config/src/daemon-schema.ts';
import { formatDaemonToml } from '../packages/config/src/format-daemon-toml.ts';
import { configurationDocs } from './configuration-docs.ts';

test('every table and key of the written file is on the page, with its default', () => {
  const page = configurationDocs();
  let table = '';
  for (const line of formatDaemonToml(daemonToml.parse({})).split('\n')) {
    const [, header, key, value] = /^#?(?:\[(.+)\]|([a-z-]+) = (.+))$/.exec(line) ?? [];
    if (header !== undefined) {
      table = header.replace(/^((?:pci|block)\.devices|runtime\.registries)\.(?:"[^"]+"|[^.]+)/, '$1.<name>');
      expect(page).toContain(`## \`[${table}]\`\n`);
    } else if (key !== undefined && !/kernel-variants|module-parameters/.test(table)) {
      const row = page.split('\n').find((candidate) => candidate.startsWith(`| \`${key}\` `));
      expect(row).toBeDefined();
      if (!line.startsWith('#')) expect(page).toContain(`| \`${value}\` `);
    }
  }
});
