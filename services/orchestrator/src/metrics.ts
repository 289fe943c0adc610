import type { ServiceName } from '@protect/config/paths';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type ZoneStateName, zoneStateNames } from './zone-counts.ts';

/** How a health check of a service went. */
export type HealthStatus = 'ok' | 'not_ready' | 'unavailable';

export interface Metrics {
  /** Undefined while the daemon does not answer: no number is better than an old one. */
  setZones(counts: ReadonlyMap<ZoneStateName, number> | undefined): void;
  countHealthCheck(service: ServiceName, status: HealthStatus): void;
  /** The Prometheus text format. */
  render(): Promise<{ contentType: string; text: string }>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'orchestrator_' });
  const zones = new Gauge({
    name: 'daemon_zones',
    help: 'Zones that the daemon knows, by state',
    labelNames: ['state'],
    registers: [registry],
  });
  const checks = new Counter({
    name: 'health_check_total',
    help: 'Health checks of the services, by how they went',
    labelNames: ['service', 'status'],
    registers: [registry],
  });
  return {
    setZones(counts) {
      zones.reset();
      if (counts === undefined) return;
      for (const state of zoneStateNames) zones.set({ state }, counts.get(state) ?? 0);
    },
    countHealthCheck: (service, status) => checks.inc({ service, status }),
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
