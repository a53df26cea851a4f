#include "malloc/statistics.hpp"

#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "malloc/heap.hpp"

namespace quire::preload {
namespace {

class FileSink final : public TextSink {
 public:
  explicit FileSink(int file) : file_(file) {}
  void write(std::string_view piece) override {
    [[maybe_unused]] const auto written = ::write(file_, piece.data(), piece.size());
  }

 private:
  int file_;
};

void mebibytes(Text& text, std::uint64_t bytes) {
  const std::uint64_t tenths = (bytes * 10 + mib(1).raw() / 2) / mib(1).raw();
  text.dec(tenths / 10).ch('.').dec(tenths % 10).str(" MiB");
}

struct ClassFigures {
  std::uint64_t slabs = 0;
  std::uint64_t objects = 0;  // in slabs
  std::uint64_t free = 0;     // of these
};

ClassFigures figures_of(const KmemCache& cache) {
  NodeSlabs& node = cache.node(NodeId{0});
  const SpinGuard guard(node.lock);
  return {node.nr_slabs, node.total_objects, node.free_objects(cache.objects())};
}

}  // namespace

class Statistics {
 public:
  Statistics(Heap& heap, Text& text) : heap_(heap), text_(text) {}

  void print() {
    const HeapFigures figures = heap_.figures();
    line("in pages").str(": ");
    mebibytes(text_, figures.page_bytes);
    text_.str(" now, ");
    mebibytes(text_, figures.most_page_bytes);
    text_.str(" at most, ");
    mebibytes(text_, figures.given_back_bytes);
    text_.str(" given back").nl();
    line("mapped").str(": ");
    mebibytes(text_, figures.mapped_bytes);
    text_.str(" in ").dec(figures.mapped_blocks).str(" blocks").nl();
    line("limit").str(": ");
    if (figures.limit == SIZE_MAX)
      text_.str("none");
    else
      mebibytes(text_, figures.limit);
    text_.str(", ").dec(figures.failures).str(" requests failed").nl();
    line("threads").str(": ").dec(threads.most_at_once()).str(" at once at most").nl();
    classes();
  }

 private:
  Text& line(std::string_view name) { return text_.str("quire malloc: ").str(name); }

  void classes() {
    text_.str("   size    slabs    pages  objects   in use or at hand").nl();
    for (const KmemCache* const cache : heap_.caches()) {
      const ClassFigures of = figures_of(*cache);
      if (of.slabs == 0) continue;
      text_.dec(cache->object_size().raw(), {7}).dec(of.slabs, {9});
      text_.dec(of.slabs * cache->layout().order.pages().raw(), {9}).dec(of.objects, {9});
      text_.dec(of.objects - of.free, {20}).nl();
    }
  }

  Heap& heap_;
  Text& text_;
};

void print_statistics(Heap& heap) {
  const char* const path = heap.started() ? heap.settings().stats : nullptr;
  if (path == nullptr) return;
  const bool to_stderr = std::string_view(path) == "-";
  const int file = to_stderr ? heap.settings().errors
                             : ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  FileSink sink(file);
  {
    const Visit visit;
    Text text(sink);
    Statistics(heap, text).print();
  }
  if (!to_stderr) ::close(file);
}

}  // namespace quire::preload
