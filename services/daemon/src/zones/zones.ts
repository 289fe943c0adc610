import { availableParallelism } from 'node:os';
import { Code, ConnectError } from '@connectrpc/connect';
import { newZoneId, type ZoneId } from '@protect/config/ids';
import { createLocks } from '@protect/service/locks';
import type { ZoneNetwork, ZoneRecord, ZoneResources, ZoneSpec } from '../state/zone-record.ts';
import { findAddons } from './addons.ts';
import { admit, freeSlot, type HostMemory, readHostMemory } from './admission.ts';
import type { ZoneDeps } from './deps.ts';
import { configureNetwork } from './external-network.ts';
import { checkFree, checkPciDevices, checkScratch } from './named-devices.ts';
import type { PendingRecords } from './pending-records.ts';
import { checkReservation, checkUnclaimed } from './reservations.ts';
import type { Resizer } from './resizer.ts';
import { hopZone } from './state.ts';
import type { ZoneSupervisor } from './supervisor.ts';
import { completeZoneSpec } from './validate.ts';

export interface ZonesDeps extends ZoneDeps {
  readonly supervisor: ZoneSupervisor;
  readonly pending: PendingRecords;
  readonly resizer: Resizer;
  readonly hostMemory?: () => Promise<HostMemory>;
  readonly hostCpus?: number;
}

/** The zones of this host: what callers ask for. */
export class Zones {
  readonly #deps: ZonesDeps;
  readonly #networks = createLocks();

  constructor(deps: ZonesDeps) {
    this.#deps = deps;
  }

  /**
   * Accepts a zone and goes on to make it; its state tells the outcome. With `imagesAnew` its kernel and ramdisk are read
   * and unpacked again, whatever is cached.
   */
  async create(asked: ZoneSpec, { imagesAnew = false } = {}): Promise<ZoneId> {
    const { state, config, supervisor, bootImages, images, hypervisor, network } = this.#deps;
    const { hostMemory = readHostMemory } = this.#deps;
    const spec = completeZoneSpec(asked, {
      cpus: this.#deps.hostCpus ?? availableParallelism(),
      defaultMemoryMib: config.zone.memoryLimitMib,
      hypervisor: hypervisor.capabilities,
    });
    await bootImages.check(spec.kernel);
    await bootImages.check(spec.initrd);
    await findAddons(images, spec.addons);
    if (imagesAnew) await bootImages.leaveAside(spec);
    checkScratch(spec, config.block);
    checkPciDevices(spec, config.pci, hypervisor.capabilities);
    const { assumeReservation } = spec.network;
    if (assumeReservation !== undefined) await checkReservation(network, assumeReservation);
    const memory = await hostMemory();
    const known = this.#deps.pending.known();
    admit(spec, known, memory, config.runtime.limits.zones);
    checkFree(spec, known);
    if (assumeReservation !== undefined) checkUnclaimed(assumeReservation, known);
    const record: ZoneRecord = {
      version: 1,
      id: newZoneId(),
      spec,
      status: { state: 'creating' },
      desired: 'ready',
      createdAtMs: Date.now(),
      slot: freeSlot(known),
      revision: 0,
      generation: 1,
      held: true,
    };
    await this.#deps.pending.during(record, () => state.zones.insert(record));
    supervisor.begin(record.id);
    return record.id;
  }

  /** Accepts the end of a zone and goes on to take it down; idempotent while the zone is known. */
  async destroy(id: ZoneId): Promise<void> {
    this.get(id);
    await this.#deps.state.zones.update(id, (current) =>
      current.desired === 'gone'
        ? current
        : { ...current, desired: 'gone', status: hopZone(current.status, { state: 'destroying' }) },
    );
    this.#deps.supervisor.kick(id);
  }

  /** Gives a zone whose network is external its interfaces, routes and neighbours; one call after the other. */
  async configureNetwork(id: ZoneId, network: ZoneNetwork, signal: AbortSignal): Promise<void> {
    await this.#networks.exclusive(id, () => configureNetwork(this.#deps, id, network, signal));
  }

  /** Changes memory and CPUs of a zone that runs; settles when it has them. */
  async updateResources(id: ZoneId, asked: ZoneResources, signal: AbortSignal): Promise<void> {
    await this.#deps.resizer.update(id, asked, signal);
  }

  /** NOT_FOUND when there is no such zone. */
  get(id: ZoneId): ZoneRecord {
    const record = this.#deps.state.zones.get(id);
    if (record !== undefined) return record;
    throw new ConnectError(`there is no zone ${id}`, Code.NotFound);
  }
}
