import { expect } from 'vitest';
import { digest, reservationId, workloadId, zoneId } from './recording-daemon.ts';

/** A command line, a call that it makes, and what it sends then. `FOLDER` has a file web.tar. */
export const requests: readonly (readonly [args: string, method: string, requests: readonly unknown[]])[] = [
  ['zone list', 'ListZones', [{}]],
  [`zone list ${zoneId}`, 'GetZone', [{ zoneId }]],
  ['zone list web', 'ResolveZoneId', [{ name: 'web' }]],
  [
    'zone launch -n web --min-cpus 1 -C 4 -c 2 --min-memory 128 -M 1024 -m 512 --resource-adjustment-policy dynamic',
    'CreateZone',
    [
      {
        spec: expect.objectContaining({
          name: 'web',
          initialResources: {
            minCpus: 1,
            maxCpus: 4,
            targetCpus: 2,
            minMemory: '128',
            maxMemory: '1024',
            targetMemory: '512',
            adjustmentPolicy: 'ZONE_RESOURCE_ADJUSTMENT_POLICY_DYNAMIC',
          },
        }),
      },
    ],
  ],
  [
    'zone launch --kernel-verbose --kernel-cmdline-append a=b --kernel-module ixgbe --kernel-module-parameter ixgbe.max_vfs=8 --sysctl net.ipv4.ip_forward=1 --annotation team=blue',
    'CreateZone',
    [
      {
        spec: expect.objectContaining({
          annotations: [{ key: 'team', value: 'blue' }],
          kernelOptions: {
            verbose: true,
            cmdlineAppend: 'a=b',
            modules: ['ixgbe'],
            moduleParameters: [{ module: 'ixgbe', parameter: 'max_vfs=8' }],
            sysctlParameters: [{ key: 'net.ipv4.ip_forward', value: '1' }],
          },
        }),
      },
    ],
  ],
  [
    `zone launch --network-backend external --dns 9.9.9.9 --dns-search example.com --dns-option ndots:2 --assume-network-reservation ${reservationId} --retain-network-reservation -V pvh -D gpu0 -D nic0 --attach-scratch-disk fast`,
    'CreateZone',
    [
      {
        spec: expect.objectContaining({
          networkOptions: {
            backend: 'ZONE_NETWORK_BACKEND_EXTERNAL',
            assumeNetworkReservation: reservationId,
            retainNetworkReservation: true,
            dnsConfig: { nameservers: ['9.9.9.9'], searches: ['example.com'], options: ['ndots:2'] },
          },
          virtualizationOptions: { backend: 'ZONE_VIRTUALIZATION_BACKEND_PVH' },
          devices: [{ name: 'gpu0' }, { name: 'nic0' }],
          scratchDisk: { block: { device: 'fast' } },
        }),
      },
    ],
  ],
  [
    'zone launch --kernel-variant nvidia --pull-update',
    'PullImage',
    [{ image: 'example.com/kernel:nvidia', format: 'OCI_IMAGE_FORMAT_TAR', update: true }],
  ],
  [
    'zone launch --addon example.com/addon --pull-overwrite-cache',
    'PullImage',
    [{ image: 'example.com/addon', format: 'OCI_IMAGE_FORMAT_SQUASHFS', overwriteCache: true }],
  ],
  ['zone destroy web', 'DestroyZone', [{ zoneId }]],
  ['zone destroy --all web', 'ResolveZoneIds', [{ name: 'web' }]],
  ['zone logs web', 'AttachZoneConsole', [{ zoneId, replayHistory: true }]],
  ['zone attach web', 'AttachZoneConsole', [{ zoneId, replayHistory: true }]],
  [
    'zone exec -e A=b -w /tmp -u nobody:100 web -- id -u',
    'ExecuteZoneCommand',
    [
      {
        start: {
          zoneId,
          process: {
            environment: [{ key: 'A', value: 'b' }],
            command: ['id', '-u'],
            workingDirectory: '/tmp',
            user: { name: 'nobody' },
            group: { id: 100 },
            stdin: true,
            stdout: true,
            stderr: true,
          },
        },
      },
      { stdin: { closed: true } },
    ],
  ],
  [
    'zone update-resources web -C 4 -c 2 -M 4096 -m 2048 -p static --min-cpus 1 --min-memory 128',
    'UpdateZoneResources',
    [
      {
        zoneId,
        resources: {
          minCpus: 1,
          maxCpus: 4,
          targetCpus: 2,
          minMemory: '128',
          maxMemory: '4096',
          targetMemory: '2048',
          adjustmentPolicy: 'ZONE_RESOURCE_ADJUSTMENT_POLICY_STATIC',
        },
      },
    ],
  ],
  [
    'zone update-resources -m 4096 web -p static',
    'UpdateZoneResources',
    [
      {
        zoneId,
        resources: { targetMemory: '4096', adjustmentPolicy: 'ZONE_RESOURCE_ADJUSTMENT_POLICY_STATIC' },
      },
    ],
  ],
  ['zone metrics web', 'ReadZoneMetrics', [{ zoneId }]],
  ['zone top', 'ReadZoneMetrics', [{ zoneId }]],
  ['zone top', 'GetHostStatus', [{}]],
  ['zone dial web 80', 'DialNetworkSocket', [{ start: { zoneId, port: 80 } }]],
  ['zone dial web [::1]:8080', 'DialNetworkSocket', [{ start: { zoneId, address: '::1', port: 8080 } }]],
  ['zone watch', 'WatchEvents', [{}]],
  ['zone resolve web', 'ResolveZoneId', [{ name: 'web' }]],
  [
    'workload launch -z web -n nginx -e A=b -w /srv -u 1000 --group-add 7 --hostname h --oom-score-adj -500 nginx:1.27 -- nginx -g x',
    'CreateWorkload',
    [
      {
        spec: expect.objectContaining({
          name: 'nginx',
          zoneId,
          image: { digest },
          process: {
            environment: [{ key: 'A', value: 'b' }],
            command: ['nginx', '-g', 'x'],
            workingDirectory: '/srv',
            user: { id: 1000 },
            additionalGids: ['7'],
            stdout: true,
            stderr: true,
          },
          hostname: 'h',
          oomScoreAdj: -500,
        }),
      },
    ],
  ],
  [
    'workload launch -z web --privileged --read-only --no-new-privs --cap-add NET_ADMIN --cap-add-ambient SYS_TIME --cap-drop ALL --strict-user-namespace --disable-namespace net --disable-namespace time --disable-all-namespaces app',
    'CreateWorkload',
    [
      {
        spec: expect.objectContaining({
          security: {
            privileged: true,
            readOnlyRootfs: true,
            noNewPrivs: true,
            raiseCapabilities: ['NET_ADMIN'],
            raiseAmbientCapabilities: ['SYS_TIME'],
            dropCapabilities: ['ALL'],
            strictUserNamespace: true,
            disableNamespaces: ['PROCESS_NAMESPACE_NET', 'PROCESS_NAMESPACE_TIME'],
            disableAllNamespaces: true,
          },
        }),
      },
    ],
  ],
  [
    'workload launch -z web -m /srv:/data --mount-scratch-disk /tmp --block-device /dev/sdb:/dev/data:ro --pci-device 0000:01:00.0 --cgroup-limit memory.max=1000 --annotation a=b app',
    'CreateWorkload',
    [
      {
        spec: expect.objectContaining({
          mounts: [{ hostPath: '/srv', targetPath: '/data' }],
          scratchMount: [{ path: '/tmp' }],
          blockDevices: [
            { devicePath: '/dev/sdb', targetPath: '/dev/data', mountOptions: { readonly: true } },
          ],
          pciDevices: [{ location: '0000:01:00.0' }],
          cgroupLimits: [{ limitName: 'memory.max', value: '1000' }],
          annotations: [{ key: 'a', value: 'b' }],
        }),
      },
    ],
  ],
  ['workload launch -z web app', 'StartWorkload', [{ workloadId }]],
  ['workload list', 'ListWorkloads', [{}]],
  [`workload list ${workloadId}`, 'GetWorkload', [{ workloadId }]],
  ['workload logs nginx', 'AttachWorkloadConsole', [{ workloadId }]],
  ['workload attach nginx', 'AttachWorkloadConsole', [{ workloadId }]],
  [
    'workload exec nginx true',
    'ExecuteZoneCommand',
    [
      {
        start: { workloadId, process: { command: ['true'], stdin: true, stdout: true, stderr: true } },
      },
      { stdin: { closed: true } },
    ],
  ],
  ['workload start nginx', 'StartWorkload', [{ workloadId }]],
  ['workload stop -t 30 nginx', 'StopWorkload', [{ workloadId, timeout: '30' }]],
  ['workload destroy nginx', 'DestroyWorkload', [{ workloadId }]],
  ['workload destroy nginx', 'ResolveWorkloadId', [{ name: 'nginx' }]],
  [
    'image pull -s erofs -o -u alpine',
    'PullImage',
    [{ image: 'alpine', format: 'OCI_IMAGE_FORMAT_EROFS', overwriteCache: true, update: true }],
  ],
  [
    `image import --name web:1 --digest ${digest} -s erofs -o FOLDER/web.tar`,
    'ImportImage',
    [
      { image: 'web:1', digest, format: 'OCI_IMAGE_FORMAT_EROFS', overwriteCache: true },
      { chunk: Buffer.from('archive').toString('base64') },
      { lastChunk: true },
    ],
  ],
  ['image list', 'ListImages', [{}]],
  [`image remove ${digest} -s tar`, 'RemoveImage', [{ digest, format: 'OCI_IMAGE_FORMAT_TAR' }]],
  ['image remove alpine', 'RemoveImage', [{ digest }]],
  ['network reservation list', 'ListNetworkReservations', [{}]],
  ['network reservation create', 'CreateNetworkReservation', [{}]],
  [`network reservation destroy ${reservationId}`, 'DestroyNetworkReservation', [{ reservationId }]],
  ['device list', 'ListDevices', [{}]],
  ['host status', 'GetHostStatus', [{}]],
  ['host cpu-topology', 'GetHostCpuTopology', [{}]],
  [
    'host set-power-policy --scheduler performance --smt-awareness',
    'SetHostPowerManagementPolicy',
    [{ scheduler: 'performance', smtAwareness: true }],
  ],
  ['host hv-console', 'ReadHypervisorConsole', [{}]],
  ['host hv-debug-info', 'HypervisorDebugInfo', [{}]],
  ['host idm-snoop', 'SnoopIdm', [{}]],
];
