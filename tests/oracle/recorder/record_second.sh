# guest side: one script, its pages given back, then a second one from where the first left the zones
insmod /buddy_recorder.ko $1 && rmmod buddy_recorder && insmod /buddy_recorder.ko $2 $3 $4 && snap file log /proc/buddy_recorder
