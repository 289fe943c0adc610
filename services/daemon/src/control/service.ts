import { attachWorkloadConsole } from './attach-workload-console.ts';
import { attachZoneConsole } from './attach-zone-console.ts';
import { configureZoneNetwork } from './configure-zone-network.ts';
import { createNetworkReservation } from './create-network-reservation.ts';
import { createWorkload } from './create-workload.ts';
import { createZone } from './create-zone.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { destroyNetworkReservation } from './destroy-network-reservation.ts';
import { destroyWorkload } from './destroy-workload.ts';
import { destroyZone } from './destroy-zone.ts';
import { dialNetworkSocket } from './dial-network-socket.ts';
import { executeZoneCommand } from './execute-zone-command.ts';
import { getHostCpuTopology } from './get-host-cpu-topology.ts';
import { getHostStatus } from './get-host-status.ts';
import { getWorkload } from './get-workload.ts';
import { getZone } from './get-zone.ts';
import { hypervisorDebugInfo } from './hypervisor-debug-info.ts';
import { importImage } from './import-image.ts';
import { listDevices } from './list-devices.ts';
import { listImages } from './list-images.ts';
import { listNetworkReservations } from './list-network-reservations.ts';
import { listWorkloads } from './list-workloads.ts';
import { listZones } from './list-zones.ts';
import { pullImage } from './pull-image.ts';
import { readHypervisorConsole } from './read-hypervisor-console.ts';
import { readZoneMetrics } from './read-zone-metrics.ts';
import { removeImage } from './remove-image.ts';
import { resolveWorkloadId } from './resolve-workload-id.ts';
import { resolveWorkloadIds } from './resolve-workload-ids.ts';
import { resolveZoneId } from './resolve-zone-id.ts';
import { resolveZoneIds } from './resolve-zone-ids.ts';
import { setHostPowerManagementPolicy } from './set-host-power-management-policy.ts';
import { snoopIdm } from './snoop-idm.ts';
import { startWorkload } from './start-workload.ts';
import { stopWorkload } from './stop-workload.ts';
import { unimplemented } from './unimplemented.ts';
import { updateZoneResources } from './update-zone-resources.ts';
import { watchEvents } from './watch-events.ts';

/** The control API, one file for each method. */
export function controlService(deps: ControlDeps): ControlMethods {
  return {
    getHostStatus: getHostStatus(deps),
    createZone: createZone(deps),
    destroyZone: destroyZone(deps),
    resolveZoneId: resolveZoneId(deps),
    resolveZoneIds: resolveZoneIds(deps),
    getZone: getZone(deps),
    listZones: listZones(deps),
    attachZoneConsole: attachZoneConsole(deps),
    executeZoneCommand: executeZoneCommand(deps),
    createWorkload: createWorkload(deps),
    startWorkload: startWorkload(deps),
    stopWorkload: stopWorkload(deps),
    destroyWorkload: destroyWorkload(deps),
    attachWorkloadConsole: attachWorkloadConsole(deps),
    resolveWorkloadId: resolveWorkloadId(deps),
    resolveWorkloadIds: resolveWorkloadIds(deps),
    listWorkloads: listWorkloads(deps),
    getWorkload: getWorkload(deps),
    pullImage: pullImage(deps),
    importImage: importImage(deps),
    removeImage: removeImage(deps),
    listImages: listImages(deps),
    listDevices: listDevices(deps),
    watchEvents: watchEvents(deps),
    snoopIdm: snoopIdm(deps),
    getHostCpuTopology: getHostCpuTopology(deps),
    setHostPowerManagementPolicy: setHostPowerManagementPolicy(deps),
    createNetworkReservation: createNetworkReservation(deps),
    destroyNetworkReservation: destroyNetworkReservation(deps),
    listNetworkReservations: listNetworkReservations(deps),
    updateZoneResources: updateZoneResources(deps),
    configureZoneNetwork: configureZoneNetwork(deps),
    readZoneMetrics: readZoneMetrics(deps),
    monitorZoneKernelEvents: unimplemented('MonitorZoneKernelEvents'),
    readHypervisorConsole: readHypervisorConsole(deps),
    hypervisorDebugInfo: hypervisorDebugInfo(deps),
    dialNetworkSocket: dialNetworkSocket(deps),
  };
}
