cp /programs /calls /pressure /launch /mnt
sync
one() {
  name=$1; shift
  cp /data /mnt/data; sync
  dd if=/dev/zero of=/log bs=65536 count=16 2> /dev/null  # what they print takes no page
  echo 3 > /proc/sys/vm/drop_caches
  cat /mnt/programs /mnt/calls /mnt/pressure /mnt/launch > /dev/null
  env -i GLIBC_TUNABLES=glibc.pthread.rseq=0 /mnt/launch "$@" 1<> /log
  snap file $name /log
}
one once /mnt/programs once
one read_write /mnt/programs read_write
one forks /mnt/programs forks
one files /mnt/programs files /mnt/data
one heap /mnt/programs heap
one threads /mnt/programs threads
one execs /mnt/programs execs
one advice /mnt/calls advice /mnt/data
one moved /mnt/calls moved /mnt/data
one seq /mnt/pressure seq 4
one rand /mnt/pressure rand 4 20000
one zipf /mnt/pressure zipf 4 20000
one stream /mnt/pressure stream 2 2 /mnt/data
one mixed /mnt/pressure mixed 4 5000 /mnt/data
one frag /mnt/pressure frag 0 2048
one forkcow /mnt/pressure forkcow 4 4
