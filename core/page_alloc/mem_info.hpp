// "Mem-Info:": how memory stands, as the log tells it when an allocation has failed.
//
// Locking  Zones' locks for a moment each; nobody's numbers are exact while others allocate.
// Source   Failure and OOM reports of a running 6.1.
#pragma once

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "page_alloc/request.hpp"
#include "zone/zone.hpp"

namespace quire {

// What is left out: nodes that are not in the mask, zones above the highest.
struct MemInfoFilter {
  NodeMask nodes = kAllNodes;
  ZoneType highest = ZoneType::kDevice;
};
void log_mem_info(Host& host, const Nodes& nodes, const MemInfoFilter& filter);

// "0-1,3"; an empty text for none.
void print_nodes(Text& text, NodeMask nodes);

}  // namespace quire
