import { createClient } from '@connectrpc/connect';
import { publishEvent } from '@protect/bus/events';
import { watchPresence } from '@protect/bus/presence';
import { createBusTransport } from '@protect/bus/transport';
import type { DaemonConfig } from '@protect/config/daemon-config';
import type { ZoneId } from '@protect/config/ids';
import { openSource } from '@protect/oci/open-source';
import { createImageStore } from '@protect/oci/pull';
import { parseReference } from '@protect/oci/reference';
import { unpackZoneInitrd, unpackZoneKernel } from '@protect/oci/zone-kernel';
import { NetworkService } from '@protect/proto/network';
import { StorageService } from '@protect/proto/storage';
import { openDatabase } from '@protect/service/database';
import type { RunningService, ServiceContext } from '@protect/service/run';
import { version } from '@protect/service/version';
import { controlService } from './control/service.ts';
import { eventOf } from './events/bus-event.ts';
import { startOutboxPublisher } from './events/outbox-publisher.ts';
import { createWatchHub } from './events/watch-hub.ts';
import { createHostStatus } from './host/host-status.ts';
import { loadHostUuid } from './host/host-uuid.ts';
import { chooseHypervisor } from './hypervisor/choose.ts';
import { startIdmLink } from './idm/link.ts';
import { createIdmPublisher } from './idm/publisher.ts';
import { createIdmSnoop, jointTap } from './idm/snoop.ts';
import { createImageLookup } from './images/image-lookup.ts';
import { registryAccess } from './images/registry-access.ts';
import { storedReference } from './images/stored-boot-image.ts';
import { createZoneMetrics } from './metrics/zone-metrics.ts';
import { createConfigurator } from './peers/configurator.ts';
import { serveControl } from './serve-control.ts';
import { serveInternal } from './serve-internal.ts';
import { keepFolderRecords } from './state/folder-records.ts';
import { migrations } from './state/migrations.ts';
import { openState } from './state/state.ts';
import type { ZoneAccess } from './workloads/deps.ts';
import { Workloads } from './workloads/workloads.ts';
import { adoptZones } from './zones/adopt.ts';
import { bootDefaults } from './zones/boot-defaults.ts';
import { createBootImages } from './zones/boot-images.ts';
import { createPendingRecords } from './zones/pending-records.ts';
import { createResizer, type Resizer } from './zones/resizer.ts';
import { ZoneSupervisor } from './zones/supervisor.ts';
import { Zones } from './zones/zones.ts';

/** Unary calls of the other services that bring no deadline of their own, ms. */
const callTimeoutMs = 30_000;

/** Puts the daemon together, takes over the zones of an earlier one and serves its API. */
export async function startDaemon(context: ServiceContext, config: DaemonConfig): Promise<RunningService> {
  const { paths, logger, bus, background, signal } = context;
  await using parts = new AsyncDisposableStack();
  const stop = new AbortController();
  parts.defer(() => stop.abort());

  const hostUuid = await loadHostUuid(paths.hostUuid);
  const database = parts.adopt(
    await openDatabase(paths.database('daemon'), migrations, { logger, putAsideDamaged: true }),
    (opened) => opened.close(),
  );
  const state = await openState(database);
  const records = parts.use(keepFolderRecords({ state, paths, logger }));

  const transport = (service: 'storage' | 'network') =>
    createBusTransport(bus, service, { defaultTimeoutMs: callTimeoutMs });
  const storage = createClient(StorageService, transport('storage'));
  const network = createClient(NetworkService, transport('network'));

  const access = registryAccess(config);
  const imageStore = createImageStore({ cacheDir: paths.imageCache, access, logger });
  const images = createImageLookup(imageStore);
  const defaults = bootDefaults(paths, context.flags);
  const unpackFrom = (reference: string, anew: boolean, limit: AbortSignal) => ({
    image: openSource(parseReference(reference), access),
    cacheDir: paths.bootCache,
    anew,
    signal: limit,
  });
  const bootImages = createBootImages({
    kernelReference: defaults.kernel,
    initrdReference: defaults.initrd,
    cacheKernel: config.zone.cacheDefaultKernel,
    cacheInitrd: config.zone.cacheDefaultInitrd,
    unpackKernel: (...args) => unpackZoneKernel(unpackFrom(...args)),
    unpackInitrd: (...args) => unpackZoneInitrd(unpackFrom(...args)),
    findStored: (spec) => storedReference(imageStore, spec),
  });

  const snoop = createIdmSnoop();
  const idmPublisher = createIdmPublisher({ bus, hostUuid, logger });
  const tapFor = (zoneId: ZoneId) => jointTap([snoop.tapFor(zoneId), idmPublisher.tapFor(zoneId)]);
  const driver = context.flags.hypervisor ?? config.runtime.hypervisor;
  const { hypervisor, prepare, memory, cpus, processors } = await chooseHypervisor(driver, {
    paths,
    logger,
    bootImages,
    signal: stop.signal,
  });
  const hostStatus = createHostStatus({ hostUuid, version, network, memory, logger });
  const pending = createPendingRecords(state);
  const resizer: Resizer = createResizer({
    ...{ state, hypervisor, zones: lateZones(), pending, hostMemory: memory, hostCpus: cpus, logger },
  });
  const zoneDeps = {
    state,
    records,
    paths,
    config,
    hypervisor,
    storage,
    network,
    bootImages,
    images,
    logger,
    background,
    resizer,
    openLink: (domain: Parameters<ZoneSupervisor['takeOver']>[1], events: object) =>
      startIdmLink({ domain, logger, version, tap: tapFor(domain.zoneId), ...events }),
  };
  const { limits } = config.runtime;
  const workloads: Workloads = parts.use(
    new Workloads({ state, records, paths, storage, images, limits, logger, background, zones: lateZones() }),
  );
  const supervisor: ZoneSupervisor = parts.use(new ZoneSupervisor(zoneDeps, workloads));
  const zones = new Zones({ ...zoneDeps, supervisor, pending, hostMemory: memory, hostCpus: cpus });

  const watchHub = createWatchHub();
  const publisher = parts.use(
    startOutboxPublisher({
      state,
      publish: (row) => publishEvent(bus, eventOf(row, hostUuid), { signal: stop.signal }),
      logger,
    }),
  );
  parts.defer(
    state.onChange((change) => {
      watchHub.publish(change);
      publisher.wake();
    }),
  );
  parts.defer(bus.onReconnect(() => publisher.wake()));

  await adoptZones(zoneDeps, supervisor, AbortSignal.any([signal, stop.signal]));
  // It has events of zones that no record knows.
  publisher.wake();
  workloads.resume();

  const configurator = createConfigurator({
    config,
    state,
    storage,
    network,
    hostStatus,
    logger,
    signal: stop.signal,
  });
  parts.defer(
    watchPresence(bus, ({ service }) => {
      if (service === 'storage' || service === 'network') {
        background(`configure ${service}`, configurator.configure(service));
      }
    }),
  );
  background('unpack the default kernel and ramdisk', unpackDefaults());

  const zoneMetrics = createZoneMetrics({ zones, supervisor, logger });
  const methods = controlService({
    state,
    paths,
    config,
    hostUuid,
    hostStatus,
    zones,
    processors,
    supervisor,
    hypervisor,
    zoneMetrics,
    network,
    workloads,
    imageStore,
    images,
    snoop,
    watchHub,
    logger,
    background,
  });
  const { audit } = parts.use(await serveControl({ methods, config, paths, bus, hostUuid, logger }));
  const counted = { audit, snoop, idmPublisher, publisher, watchHub };
  parts.use(await serveInternal({ bus, version, zoneMetrics, logger, ...counted }));

  const all = parts.move();
  return {
    checks: () =>
      (['storage', 'network'] as const).map((name) => {
        const ok = configurator.configured.has(name);
        return { name, ok, message: ok ? '' : `protect-${name} has no configuration yet; is it running?` };
      }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };

  /** So that the first launch need not wait for it; a launch tries again and tells what is wrong. */
  async function unpackDefaults(): Promise<void> {
    try {
      await Promise.all([prepare(), bootImages.initrd(undefined, stop.signal)]);
    } catch (error) {
      logger.warn({ err: error, ...defaults }, 'zones have no default kernel or ramdisk yet');
    }
  }

  /** Workloads and zones need each other; zones come second. */
  function lateZones(): ZoneAccess {
    return {
      whenReady: (...args: Parameters<ZoneSupervisor['whenReady']>) => supervisor.whenReady(...args),
      running: (...args: Parameters<ZoneSupervisor['running']>) => supervisor.running(...args),
      makeRoom: (...args: Parameters<Resizer['makeRoom']>) => resizer.makeRoom(...args),
    };
  }
}
