for d in /sys/devices/system/memory /sys/devices/system/node; do
  for f in $(busybox find $d -type f | busybox sort); do
    case $f in */uevent|*/compact|*/power/*|*/hugepages/*|*/soft_offline_page|*/hard_offline_page|*/probe) continue;; esac
    snap file sysfs$f $f
  done
  busybox find $d | busybox sort | snap pipe sysfs/tree
done
for f in $(busybox find /sys/devices/system/node -type f | busybox grep hugepages | busybox sort); do snap file sysfs$f $f; done
busybox ls -l /sys/devices/system/memory /sys/devices/system/memory/memory0 /sys/devices/system/node /sys/devices/system/node/node0 /proc/sys/vm | snap pipe sysfs/modes
busybox ls -l /proc/zoneinfo /proc/buddyinfo /proc/pagetypeinfo /proc/vmstat /proc/meminfo /proc/iomem | snap pipe sysfs/modes
