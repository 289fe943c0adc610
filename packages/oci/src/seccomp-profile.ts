/** The part of the OCI runtime specification that crun makes a system call filter of. */
export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ALLOW';
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

interface SeccompRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ERRNO';
  readonly errnoRet: number;
  readonly args?: readonly {
    readonly index: number;
    readonly value: number;
    readonly valueTwo?: number;
    readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';
  }[];
}

const eperm = 1;
const enosys = 38;
const vsockFamily = 40;

/** Kept from every workload: what has had the most holes, or reaches past the workload without any capability. */
const always = [
  ...['add_key', 'keyctl', 'request_key'],
  ...['io_uring_setup', 'io_uring_enter', 'io_uring_register'],
  ...['kexec_load', 'kexec_file_load'],
  ...['migrate_pages', 'move_pages', 'userfaultfd'],
  ...['nfsservctl', 'pivot_root', 'swapoff', 'swapon', 'sysfs', 'uselib', 'ustat', 'vm86', 'vm86old'],
];

/** Kept from workloads that have none of the capabilities on the left. */
const byCapability: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['DAC_READ_SEARCH'], ['open_by_handle_at']],
  [
    ['SYS_ADMIN'],
    [
      ...['fanotify_init', 'lookup_dcookie', 'quotactl', 'quotactl_fd', 'setns', 'unshare'],
      ...['fsconfig', 'fsmount', 'fsopen', 'fspick', 'mount', 'mount_setattr', 'move_mount', 'open_tree'],
      ...['setdomainname', 'sethostname', 'umount', 'umount2'],
    ],
  ],
  [['SYS_ADMIN', 'BPF'], ['bpf']],
  [['SYS_ADMIN', 'PERFMON'], ['perf_event_open']],
  [['SYS_ADMIN', 'SYSLOG'], ['syslog']],
  [['SYS_BOOT'], ['reboot']],
  [['SYS_CHROOT'], ['chroot']],
  [['SYS_MODULE'], ['delete_module', 'finit_module', 'init_module']],
  [['SYS_NICE'], ['get_mempolicy', 'mbind', 'set_mempolicy', 'set_mempolicy_home_node']],
  [['SYS_PACCT'], ['acct']],
  [['SYS_PTRACE'], ['kcmp', 'pidfd_getfd', 'process_madvise']],
  [['SYS_RAWIO'], ['ioperm', 'iopl']],
  [['SYS_TIME'], ['clock_settime', 'clock_settime64', 'settimeofday', 'stime']],
  [['SYS_TTY_CONFIG'], ['vhangup']],
];

/** Flags of clone(2) that make a namespace: mount, cgroup, UTS, IPC, user, PID, network. */
const namespaceFlags = [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];

/**
 * The system calls that Docker's default profile keeps from a workload with these capabilities, as far as a zone's kernel
 * has them; but personality(2) is not looked into. Calls that neither knows are not kept from it: it is a second fence,
 * the zone is the first.
 */
export function seccompProfile(capabilities: readonly string[]): SeccompProfile {
  const has = (names: readonly string[]) => names.some((name) => capabilities.includes(`CAP_${name}`));
  const names = [...always, ...byCapability.flatMap(([needed, calls]) => (has(needed) ? [] : calls))];
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: [
      { names: names.sort(), action: 'SCMP_ACT_ERRNO', errnoRet: eperm },
      refusal('socket', { index: 0, value: vsockFamily, op: 'SCMP_CMP_EQ' }),
      ...(has(['SYS_ADMIN']) ? [] : namespaceRules()),
    ],
  };
}

/** Of clone3 a filter cannot see the flags; programs that are told it does not exist use clone. */
function namespaceRules(): SeccompRule[] {
  return [
    ...namespaceFlags.map((flag) =>
      refusal('clone', { index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }),
    ),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: enosys },
  ];
}

function refusal(name: string, arg: NonNullable<SeccompRule['args']>[number]): SeccompRule {
  return { names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: eperm, args: [arg] };
}
