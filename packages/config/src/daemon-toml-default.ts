/** What the daemon writes to daemon.toml at its first start: every default, said explicitly. */
export const defaultDaemonToml = `# Configuration of protect-daemon, written with the defaults at its first start.
# Restart protect-daemon after a change. Unknown keys and wrong values keep it from starting.

[oci]
# Registry host used in place of Docker Hub for image references without a registry.
docker-hub-mirror = "index.docker.io"

[zone]
# Keep the default zone kernel and ramdisk on disk after their first use.
cache-default-kernel = true
cache-default-initrd = true
# Memory in MiB of a zone that is launched without an explicit size.
memory-limit-mb = 1024

# Kernels that can be asked for by name.
[zone.kernel-variants]
# nvidia = "ghcr.io/edera-dev/zone-nvidiagpu-kernel:latest"

# Network of zones launched outside Kubernetes; ignored for pods.
[network]
# Resolvers handed to every zone, IPv4 and IPv6.
nameservers = [
    "1.1.1.1",
    "1.0.0.1",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
]

# Subnets from which zones get their addresses. Choose ranges that the host does not route to yet.
[network.ipv4]
subnet = "10.75.0.0/16"

[network.ipv6]
subnet = "fdd4:1476:6c7e::/48"

# PCI devices that zones may ask for by name.
# [pci.devices.gpu0]
# locations = ["0000:01:00.0"]
# permissive = false
# msi-translate = false
# power-management = false
# rdm-reserve-policy = "strict"
# modules = []
# [pci.devices.gpu0.module-parameters]

# Host block devices that zones may use as scratch disks by name; each is formatted at every launch.
# [block.devices.scratch0]
# path = "/dev/nvme0n1"
`;
