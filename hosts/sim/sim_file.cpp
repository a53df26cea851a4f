#include "hosts/sim/sim_file.hpp"

#include <algorithm>
#include <cstring>

namespace quire {
namespace {

std::vector<Page*> pages_of(const PageRun& run) { return {run.pages.begin(), run.pages.end()}; }

}  // namespace

void SimDisk::serve(std::size_t pages, std::function<void()> done) {
  const std::uint64_t cost = model_.latency_ns + model_.page_ns * pages;
  if (cost == 0) return done();
  const std::uint64_t now = host_.now_ns();
  busy_until_ns_ = std::max(busy_until_ns_, now) + cost;
  host_.call_after(cpu_, busy_until_ns_ - now, std::move(done));
}

bool SimFile::note(const Request& request) {
  if (at_each_request) at_each_request();
  if (keep_requests) requests.push_back(request);
  return fails && fails(request);
}

void SimFile::read(PageCache& cache, const PageRun& run) {
  const bool failing = note({false, run.first, run.pages.size()});
  disk_.serve(run.pages.size(), [this, &cache, failing, pages = pages_of(run), first = run.first,
                                 size = run.size.raw()] {
    std::uint64_t at = first * kPageSize.raw();
    for (Page* const page : pages) {
      if (failing) {
        cache.read_done(*page, Errno::kIo);
        continue;
      }
      const std::uint64_t end = std::min<std::uint64_t>(size, bytes.size());
      const std::uint64_t there = at < end ? std::min(end - at, kPageSize.raw()) : 0;
      std::byte* const content = cache.content_of(*page);
      std::copy_n(bytes.data() + at, there, content);
      std::memset(content + there, 0, kPageSize.raw() - there);
      at += kPageSize.raw();
      cache.read_done(*page, {});
    }
  });
}

void SimFile::write(PageCache& cache, const PageRun& run) {
  const bool failing = note({true, run.first, run.pages.size()});
  const std::uint64_t at = run.first * kPageSize.raw();
  std::vector<std::byte> content;
  for (const Page* const page : run.pages) {
    const std::byte* const from = cache.content_of(*page);
    const std::uint64_t left = run.size.raw() - at - content.size();
    content.insert(content.end(), from, from + std::min(left, kPageSize.raw()));
  }
  disk_.serve(run.pages.size(), [this, &cache, failing, pages = pages_of(run), at,
                                 content = std::move(content)] {
    if (!failing) {
      bytes.resize(std::max(bytes.size(), at + content.size()));
      std::ranges::copy(content, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
    for (Page* const page : pages)
      cache.write_done(*page, failing ? Result<void>(Errno::kIo) : Result<void>());
  });
}

}  // namespace quire
