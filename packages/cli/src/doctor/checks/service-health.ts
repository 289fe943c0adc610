import { type ServiceName, statePaths } from '@protect/config/paths';
import type { CheckResponse } from '@protect/proto/health';
import type { Check } from '../check.ts';
import { type Finding, failed, ok, warning } from '../finding.ts';
import { askHealth } from '../health-calls.ts';
import { at, exists, type Host, wasStarted } from '../host.ts';
import { serviceProcesses } from '../service-processes.ts';
import { services } from '../services.ts';

/** The five processes run and have what they need; over NATS, or else as far as /proc and the socket show. */
export const serviceHealth: Check = {
  name: 'services',
  async find(host, signal) {
    const [processes, answers, started, version] = await Promise.all([
      serviceProcesses(host),
      askHealth(at(host, host.state), signal).catch(() => undefined),
      wasStarted(host),
      host.daemonVersion(signal).catch(() => undefined),
    ]);
    const journal = (await exists(host, '/run/systemd/system')) ? 'journal' : 'file';
    return services.map((service) => {
      const pid = processes.get(service);
      if (answers?.has(service)) return answered(host, service, answers.get(service), journal);
      if (pid === undefined) return absent(service, started);
      if (answers !== undefined) return silent(host, service, pid, journal);
      if (service === 'daemon' && version !== undefined)
        return ok(label(service), `${version} answers calls`);
      const detail = `runs (process ${pid}); its health cannot be seen`;
      return host.isRoot
        ? warning(label(service), detail, 'see to NATS, over which it is asked')
        : warning(label(service), detail, 'run protect doctor as root to have it checked');
    });
  },
};

function label(service: ServiceName): string {
  return `protect-${service}`;
}

function answered(
  host: Host,
  service: ServiceName,
  health: CheckResponse | undefined,
  journal: 'journal' | 'file',
): Finding {
  if (health?.ready === true) return ok(label(service), `${health.version}, ready`);
  const wrong = (health?.checks ?? []).filter((check) => !check.ok);
  const detail = wrong.map(({ name, message }) => `${name}: ${message}`).join('; ') || 'not ready';
  return failed(label(service), detail, whereToRead(host, service, journal));
}

function silent(host: Host, service: ServiceName, pid: number, journal: 'journal' | 'file'): Finding {
  return failed(
    label(service),
    `runs (process ${pid}) and does not answer`,
    whereToRead(host, service, journal),
  );
}

/** The last two can be missed for a while; where nothing was ever started, nothing is missing yet. */
function absent(service: ServiceName, started: boolean): Finding {
  const isOptional = service === 'orchestrator' || service === 'cri';
  const report = started && !isOptional ? failed : warning;
  return report(label(service), started ? 'does not run' : 'not started yet', `start ${label(service)}`);
}

function whereToRead(host: Host, service: ServiceName, journal: 'journal' | 'file'): string {
  const log = journal === 'journal' ? `journalctl -u ${label(service)}` : statePaths(host.state).log(service);
  return `${log} says more`;
}
