# guest side: the recorder's run with the page allocator's tracepoints on, of node 1 alone
mkdir -p /trc; mount -t tracefs t /trc
echo 40000 > /trc/buffer_size_kb
for e in mm_page_alloc mm_page_free mm_page_free_batched mm_page_alloc_zone_locked mm_page_alloc_extfrag mm_page_pcpu_drain; do
  echo 1 > /trc/events/kmem/$e/enable; done
insmod /buddy_recorder.ko "$@"
echo 0 > /trc/events/kmem/enable
snap file log /proc/buddy_recorder
snap file trace /trc/trace
