#include "tools/trace/qtr_format.hpp"

#include <zlib.h>

#include <tuple>
#include <utility>

namespace quire::trace::qtr {
namespace {

// Longer ones are nobody's path.
constexpr std::uint64_t kMostText = 1 << 16;

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}

  void byte(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }

  template <typename T>
  void operator()(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      (*this)(static_cast<std::uint64_t>(value.size()));
      out_ += value;
    } else {
      auto rest = static_cast<std::uint64_t>(value);
      for (; rest >= 0x80; rest >>= 7) byte(static_cast<std::uint8_t>(rest | 0x80));
      byte(static_cast<std::uint8_t>(rest));
    }
  }

 private:
  std::string& out_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view& in) : in_(in) {}

  [[nodiscard]] bool good() const { return good_; }

  std::uint8_t byte() {
    if (in_.empty()) good_ = false;
    if (!good_) return 0;
    const auto value = static_cast<std::uint8_t>(in_.front());
    in_.remove_prefix(1);
    return value;
  }

  template <typename T>
  void operator()(T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      text(value);
    } else if constexpr (std::is_same_v<T, bool>) {
      value = number(1) != 0;
    } else {
      value = static_cast<T>(number(sizeof(T) == 8 ? UINT64_MAX : UINT32_MAX));
    }
  }

 private:
  // A varint of at most ten bytes.
  std::uint64_t number(std::uint64_t most) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      if (shift == 63 && next > 1) break;
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if (next < 0x80) {
        if (value > most) break;
        return value;
      }
    }
    good_ = false;
    return 0;
  }

  void text(std::string& value) {
    const std::uint64_t size = number(kMostText);
    if (size > in_.size()) good_ = false;
    if (!good_) return;
    value.assign(in_.substr(0, size));
    in_.remove_prefix(size);
  }

  std::string_view& in_;
  bool good_ = true;
};

// The fields of an event in their order in the file, for both directions.
auto fields(auto& e) {
  using E = std::remove_cvref_t<decltype(e)>;
  if constexpr (std::is_same_v<E, Mmap>)
    return std::tie(e.address, e.length, e.protection, e.flags, e.file, e.offset);
  else if constexpr (std::is_same_v<E, Munmap>)
    return std::tie(e.address, e.length);
  else if constexpr (std::is_same_v<E, Mremap>)
    return std::tie(e.address, e.length, e.new_length, e.new_address, e.flags);
  else if constexpr (std::is_same_v<E, Mprotect>)
    return std::tie(e.address, e.length, e.protection);
  else if constexpr (std::is_same_v<E, Madvise>)
    return std::tie(e.address, e.length, e.advice);
  else if constexpr (std::is_same_v<E, Brk>)
    return std::tie(e.end);
  else if constexpr (std::is_same_v<E, Fork>)
    return std::tie(e.child, e.thread, e.pid, e.vfork);
  else if constexpr (std::is_same_v<E, Clone>)
    return std::tie(e.thread, e.tid);
  else if constexpr (std::is_same_v<E, Exec>)
    return std::tie(e.path, e.entry, e.brk_start, e.pid);
  else if constexpr (std::is_same_v<E, Segment>)
    return std::tie(e.address, e.file_length, e.memory_length, e.protection, e.file, e.offset);
  else if constexpr (std::is_same_v<E, Stack>)
    return std::tie(e.low, e.high);
  else if constexpr (std::is_same_v<E, Exit>)
    return std::tie(e.status, e.process);
  else if constexpr (std::is_same_v<E, File>)
    return std::tie(e.file, e.size, e.path);
  else if constexpr (std::is_same_v<E, Open>)
    return std::tie(e.file, e.fd, e.flags);
  else if constexpr (std::is_same_v<E, Close>)
    return std::tie(e.file, e.fd);
  else if constexpr (std::is_same_v<E, Transfer>)
    return std::tie(e.file, e.offset, e.length, e.write);
  else if constexpr (std::is_same_v<E, Mlock>)
    return std::tie(e.address, e.length, e.lock);
  else if constexpr (std::is_same_v<E, Msync>)
    return std::tie(e.address, e.length, e.flags);
  else if constexpr (std::is_same_v<E, Sync>)
    return std::tie(e.file);
  else
    return std::tie(e.file, e.size);
}

void for_each_field(auto& e, auto& each) {
  std::apply([&each](auto&... field) { (each(field), ...); }, fields(e));
}

void encode_access(Encoder& out, Context& context, const Access& access) {
  const auto touch = static_cast<std::uint8_t>(access.touch);
  const bool stride = access.pages != 1 && access.stride != 1;
  out.byte(static_cast<std::uint8_t>(kAccess | touch | (access.times != 1 ? kHasTimes : 0) |
                                     (access.pages != 1 ? kHasPages : 0) |
                                     (stride ? kHasStride : 0)));
  std::uint64_t& last = context.last_page[touch];
  out(zigzag(static_cast<std::int64_t>(access.page - last)));
  if (access.times != 1) out(access.times);
  if (access.pages != 1) out(access.pages);
  if (stride) out(zigzag(access.stride));
  last = access.page;
}

bool decode_access(Decoder& in, std::uint8_t head, Context& context, Access& access) {
  const std::uint8_t touch = head & kTouchMask;
  if (touch >= context.last_page.size() || (head & 0x60) != 0) return false;
  access = {.touch = static_cast<Touch>(touch)};
  std::uint64_t difference = 0;
  in(difference);
  std::uint64_t& last = context.last_page[touch];
  last += static_cast<std::uint64_t>(unzigzag(difference));
  access.page = last;
  if ((head & kHasTimes) != 0) in(access.times);
  if ((head & kHasPages) != 0) in(access.pages);
  if ((head & kHasStride) != 0) {
    in(difference);
    access.stride = unzigzag(difference);
  }
  return in.good() && access.times != 0 && access.pages != 0;
}

// Event number `kind` of What, made anew unless it is one already: its strings keep their room.
template <std::size_t I = 1>
bool decode_kind(Decoder& in, std::size_t kind, What& what) {
  if constexpr (I < std::variant_size_v<What>) {
    if (kind != I) return decode_kind<I + 1>(in, kind, what);
    if (what.index() != I) what.emplace<I>();
    for_each_field(std::get<I>(what), in);
    return in.good();
  } else {
    return false;
  }
}

}  // namespace

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()),
                                          static_cast<uInt>(bytes.size())));
}

void encode(std::string& bytes, Context& context, const Event& event) {
  Encoder out(bytes);
  if (event.process != context.process || event.thread != context.thread) {
    out.byte(kSwitch);
    out(event.process);
    out(event.thread);
    context.process = event.process;
    context.thread = event.thread;
  }
  if (const auto* access = std::get_if<Access>(&event.what)) {
    encode_access(out, context, *access);
    return;
  }
  out.byte(static_cast<std::uint8_t>(event.what.index()));
  std::visit(
      [&out](const auto& what) {
        if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(what)>, Access>)
          for_each_field(what, out);
      },
      event.what);
}

bool decode(std::string_view& bytes, Context& context, Event& event) {
  Decoder in(bytes);
  std::uint8_t head = in.byte();
  if (head == kSwitch) {
    in(context.process);
    in(context.thread);
    head = in.byte();
  }
  if (!in.good()) return false;
  event.process = context.process;
  event.thread = context.thread;
  if ((head & kAccess) == 0) return decode_kind(in, head, event.what);
  if (event.what.index() != 0) event.what.emplace<Access>();
  return decode_access(in, head, context, std::get<Access>(event.what));
}

void encode(std::string& bytes, const HeaderText& text) {
  Encoder out(bytes);
  out(text.command);
  out(text.source);
}

bool decode(std::string_view bytes, HeaderText& text) {
  Decoder in(bytes);
  in(text.command);
  in(text.source);
  return in.good();
}

}  // namespace quire::trace::qtr
