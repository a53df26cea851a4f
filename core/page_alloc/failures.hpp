// Requests for memory that are refused on purpose (fail_page_alloc, failslab): what is asked for
// pages, and for objects of caches that slub_debug=A names.
//
// Off      Nobody refuses: pages are had on the shortest paths, which refusing is a reason to leave
//          (Zone::hooked). Caches that are named keep no objects at hand, refused or not.
// Locking  Called before anything is done for the request, with whatever its caller holds.
// Source   Documentation/fault-injection/fault-injection.rst.
#pragma once

#include "page_alloc/request.hpp"

namespace quire {

class AllocFailures {
 public:
  // Whether this request, which may fail, gets nothing; no report is printed.
  virtual bool refuses(Gfp gfp) = 0;

 protected:
  ~AllocFailures() = default;
};

}  // namespace quire
