#!/bin/busybox sh
# PID 1 of Dom0's initial ramdisk: mounts the root and this project's disk, adds what is of this boot, goes on
# with systemd.
set -e
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
while read -r module; do $b insmod "/modules/$module"; done </modules/load
$b mount -t ext4 /dev/vda /root
$b mount -t squashfs -o ro /dev/vdb /root/opt/protect-disk
changes=/root/opt/protect-changes
$b mount -t overlay -o "lowerdir=/root/opt/protect-disk,upperdir=$changes/upper,workdir=$changes/work" protect /root/opt/protect
$b cp -a /boot/. /root/
$b umount /proc /sys /dev
exec $b switch_root /root /sbin/init
