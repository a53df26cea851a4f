/* Pages of a process for somebody who uses their frames, as drivers do. Included by quire/quire.h.
 *
 * Reference   quire_process_get_user_pages: the pages stay, but a fork may give the process another
 *             copy when it writes.
 * Pin         quire_process_pin_user_pages: as long as it lasts the process has this very page,
 *             whatever forks: what is written to quire_page_address() the program reads.
 * Errors      How many pages were had, from the first on; only where it is none, why not: -EFAULT,
 *             -ENOMEM, -EINVAL (a flag), -ENOENT (nobody has that pid).
 * Ownership   Pages had are the caller's until they are given back, also after the process's end.
 * Source      Documentation/core-api/pin_user_pages.rst */
#ifndef QUIRE_USER_PAGES_H
#define QUIRE_USER_PAGES_H

#include <quire/export.h>
#include <quire/process.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct quire_page;

/* Linux 6.1's values. */
#define QUIRE_FOLL_WRITE 0x1u        /* they will be written to */
#define QUIRE_FOLL_FORCE 0x10u       /* also where the program itself may not */
#define QUIRE_FOLL_LONGTERM 0x10000u /* pins only: for as long as it takes */

struct quire_user_pages {
  struct quire_span span; /* all pages that it touches */
  uint32_t flags;         /* of QUIRE_FOLL_ */
  uint32_t reserved;      /* 0 */
};
/* `pages` has room for all. */
QUIRE_API int64_t quire_process_get_user_pages(struct quire_machine *machine, int64_t pid,
                                               const struct quire_user_pages *wanted,
                                               struct quire_page **pages);
QUIRE_API int64_t quire_process_pin_user_pages(struct quire_machine *machine, int64_t pid,
                                               const struct quire_user_pages *wanted,
                                               struct quire_page **pages);
/* Give them back: all, or none with -EINVAL when one is not held so. `written` not 0: their bytes
 * were changed. */
QUIRE_API int quire_put_user_pages(struct quire_machine *machine,
                                   struct quire_page *const *pages, size_t count);
QUIRE_API int quire_unpin_user_pages(struct quire_machine *machine,
                                     struct quire_page *const *pages, size_t count, int written);

#ifdef __cplusplus
}
#endif

#endif
