#include "slab/layout.hpp"

#include <optional>

namespace quire {
namespace {

constexpr std::uint32_t kWord = SlabLayout::kWord;
constexpr std::uint32_t kMostObjects = 32767;  // of one slab

struct Alignment {
  std::uint32_t bytes;
};
constexpr std::uint32_t align_up(std::uint32_t value, Alignment to) {
  return (value + to.bytes - 1) & ~(to.bytes - 1);
}

constexpr std::uint64_t slab_bytes(unsigned order) { return kPageSize.raw() << order; }

// The least order whose slab holds `bytes`.
constexpr unsigned order_for(std::uint64_t bytes) {
  return fls((bytes - 1) >> kPageShift);
}

// Small objects share a cache line evenly rather than begin one each.
std::uint32_t alignment_of(const ObjectShape& shape) {
  std::uint32_t align = shape.align;
  if (any(shape.flags & SlabFlags::kHwcacheAlign)) {
    std::uint32_t line = kCacheLine;
    while (shape.size <= line / 2) line /= 2;
    align = max_of(align, line);
  }
  return align_up(max_of(align, kWord), {kWord});
}

// Where everything of one object lies.
SlabLayout lay_out_object(const ObjectShape& shape) {
  const auto has = [&](SlabFlags flag) { return any(shape.flags & flag); };
  SlabLayout layout;
  layout.object_size = shape.size;
  layout.align = alignment_of(shape);
  layout.flags = shape.flags;
  const bool content_stays = has(SlabFlags::kTypesafeByRcu) || shape.has_constructor;
  layout.poison_object = has(SlabFlags::kPoison) && !content_stays;

  std::uint32_t end = align_up(shape.size, {kWord});
  // The red zone is what rounding leaves behind the object; where it leaves nothing, a word.
  if (has(SlabFlags::kRedZone) && end == shape.size) end += kWord;
  layout.inuse = end;
  const bool too_small = has(SlabFlags::kRedZone) && shape.size < kWord;
  if (content_stays || has(SlabFlags::kPoison) || too_small) {
    layout.free_pointer = end;
    end += kWord;
  } else {
    // In the middle neither an overflow of the object nor one of its neighbour reaches it soon.
    layout.free_pointer = shape.size / 2 / kWord * kWord;
  }
  if (has(SlabFlags::kStoreUser)) {
    end += 2 * kTrackBytes;
    if (has(SlabFlags::kKmalloc)) end += sizeof(std::uint32_t);  // the size that was asked for
  }
  if (has(SlabFlags::kRedZone)) {
    end += kWord;
    layout.red_left_pad = align_up(kWord, {layout.align});
    end += layout.red_left_pad;
  }
  layout.size = align_up(end, {layout.align});
  return layout;
}

// The least order of at least `min_objects` whose rest is at most 1/`fraction` of the slab; above
// the largest allowed when there is none.
struct OrderWish {
  std::uint64_t size;
  std::uint32_t min_objects;
  unsigned max_order;
  unsigned fraction;
};
unsigned order_with_small_rest(const OrderWish& wish, const SlabSizing& sizing) {
  const unsigned min_order = sizing.min_order.raw();
  if (slab_bytes(min_order) / wish.size > kMostObjects)
    return order_for(wish.size * kMostObjects) - 1;
  unsigned order = max_of(min_order, order_for(wish.min_objects * wish.size));
  for (; order <= wish.max_order; ++order)
    if (slab_bytes(order) % wish.size <= slab_bytes(order) / wish.fraction) break;
  return order;
}

// Enough objects that a CPU seldom needs another slab, in slabs of little waste: first less of
// the one is given up, then less of the other.
std::optional<Order> slab_order(std::uint32_t size, const SlabSizing& sizing) {
  const unsigned max_order = sizing.max_order.raw();
  const std::uint32_t by_cpus = 4 * (fls(sizing.cpus) + 1);
  const std::uint32_t wanted = sizing.min_objects != 0 ? sizing.min_objects : by_cpus;
  const auto fits = static_cast<std::uint32_t>(slab_bytes(max_order) / size);
  for (std::uint32_t objects = min_of(wanted, fits); objects > 1; --objects) {
    for (unsigned fraction = 16; fraction >= 4; fraction /= 2) {
      const unsigned order = order_with_small_rest({size, objects, max_order, fraction}, sizing);
      if (order <= max_order) return Order{order};
    }
  }
  for (const unsigned limit : {max_order, Order::kMax}) {
    const unsigned order = order_with_small_rest({size, 1, limit, 1}, sizing);
    if (order <= limit) return Order{order};
  }
  return std::nullopt;
}

}  // namespace

Result<SlabLayout> layout_of(const ObjectShape& shape, const SlabSizing& sizing) {
  if (shape.size == 0 || shape.size > kMaxObjectSize) return Errno::kInvalid;
  if ((shape.align & (shape.align - 1)) != 0 || shape.align > kMaxObjectSize)
    return Errno::kInvalid;
  SlabLayout layout = lay_out_object(shape);
  if (!sizing.debug_may_grow && order_for(layout.size) > order_for(shape.size)) {
    ObjectShape plain = shape;
    plain.flags &= ~SlabFlags::kDebugMetadata;
    layout = lay_out_object(plain);
  }
  const std::optional<Order> order = slab_order(layout.size, sizing);
  if (!order.has_value()) return Errno::kNotSupported;
  layout.order = *order;
  layout.min_order = Order{order_for(layout.size)};
  layout.objects = static_cast<std::uint32_t>(slab_bytes(order->raw()) / layout.size);
  layout.min_slab_objects =
      static_cast<std::uint32_t>(slab_bytes(layout.min_order.raw()) / layout.size);
  layout.reciprocal =
      ((std::uint64_t{1} << SlabLayout::kReciprocalShift) + layout.size - 1) / layout.size;
  return layout;
}

std::uint32_t cpu_partial_slabs(const SlabLayout& layout, std::uint32_t objects) {
  return (objects * 2 + layout.objects - 1) / layout.objects;
}

PartialLimits partial_limits(const SlabLayout& layout) {
  constexpr std::uint32_t kLeastPartial = 5;
  constexpr std::uint32_t kMostPartial = 10;
  PartialLimits limits{};
  // The larger the objects, the more is saved by not asking for pages again.
  limits.min_partial = clamp_to((fls(layout.size) - 1) / 2, kLeastPartial, kMostPartial);
  if (any(layout.flags & SlabFlags::kDebug)) return limits;  // each object is looked at
  if (layout.size >= kPageSize.raw())
    limits.cpu_partial = 6;
  else if (layout.size >= 1024)
    limits.cpu_partial = 24;
  else if (layout.size >= 256)
    limits.cpu_partial = 52;
  else
    limits.cpu_partial = 120;
  limits.cpu_partial_slabs = cpu_partial_slabs(layout, limits.cpu_partial);
  return limits;
}

}  // namespace quire
