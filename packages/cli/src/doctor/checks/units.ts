import type { Check } from '../check.ts';
import { failed, ok, warning } from '../finding.ts';
import { exists } from '../host.ts';
import { services } from '../services.ts';

const name = 'units';

/** systemd starts the services, where it runs. */
export const units: Check = {
  name,
  async find(host, signal) {
    if (!(await exists(host, '/run/systemd/system'))) {
      return [ok(name, 'systemd does not run here; the services are somebody else’s to start')];
    }
    const names = services.map((service) => `protect-${service}.service`);
    const shown = await host.run(
      'systemctl',
      ['show', '--property=Id,LoadState,ActiveState', ...names],
      signal,
    );
    if (shown?.exitCode !== 0) throw new Error(`systemctl show: ${shown?.stderr.trim() ?? 'no answer'}`);
    const states = shown.stdout.split('\n\n').map(parseUnit);
    const installed = states.filter(({ load }) => load === 'loaded');
    if (installed.length === 0) {
      return [
        warning(name, 'none of Protect’s is installed', 'install the package, or start the services by hand'),
      ];
    }
    const missing = states.filter(({ load }) => load !== 'loaded').map(({ id, load }) => `${id} is ${load}`);
    const inactive = installed
      .filter(({ active }) => active !== 'active')
      .map(({ id, active }) => `${id} is ${active}`);
    const wrong = [...missing, ...inactive];
    if (wrong.length === 0) return [ok(name, `${installed.length} active`)];
    const [first = ''] = wrong;
    const remedy = `systemctl status ${first.split(' ')[0]} and journalctl -u ${first.split(' ')[0]} say why`;
    return [failed(name, wrong.join(', '), remedy)];
  },
};

function parseUnit(text: string): { id: string; load: string; active: string } {
  const field = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? 'unknown';
  return { id: field('Id'), load: field('LoadState'), active: field('ActiveState') };
}
