// Where the kernel image lies, and which parts of it are handed back at the end of the boot.
//
// Linux shows four sections in /proc/iomem (code, rodata, data, bss) and says in its log how much
// it freed. The gaps between code, rodata and data are freed whole. The init sections end where
// bss begins, but for the table of SMP alternatives; what is unused of the decrypted area is the
// end of bss, so that freed range lies inside a named one.
#pragma once

#include <span>
#include <vector>

#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {

// What a boot log says was freed: its "Freeing ... memory: NK" lines.
struct FreedLate {
  Bytes text_gap;    // unused kernel image (text/rodata gap)
  Bytes rodata_gap;  // unused kernel image (rodata/data gap)
  Bytes initmem;     // unused kernel image (initmem)
  Bytes decrypted;   // unused decrypted
  Bytes smp_locks;   // SMP alternatives: freed early, so only its place counts
};

// The sections by address, each followed by what is freed behind or within it. A size that does
// not fit its place is cut to it.
std::vector<ImageRange> kernel_image_of(std::span<const ImageRange> sections,
                                        const FreedLate& freed);

// Debian 12's cloud kernel (6.1) at 16 MiB, where `nokaslr` leaves it.
std::vector<ImageRange> debian_kernel_image();
// Whether `map` has usable RAM wherever that image lies.
bool debian_kernel_fits(std::span<const FirmwareRange> map);

}  // namespace quire::machine_file
