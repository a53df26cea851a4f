// When no page can be had: which process goes, and what the log says of it.
//
// Source  Documentation/filesystems/proc.rst (oom_score), reports of a running 6.1.
#include "engine/engine.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kPatienceNs = 10'000'000;  // that a victim has to go away
constexpr std::uint64_t kLookAgainNs = 10'000;

std::uint64_t badness(const LiveProcess& live) {
  const Mm& mm = *live.process->mm;
  return mm.resident().raw() + table_count(mm.tables);
}

}  // namespace

bool Engine::kill_for(const AllocRequest& request) {
  const std::uint64_t now = parts_.host.now_ns();
  const Task* const current = Arch::current()->task;
  if (victim_ == nullptr || now - killed_ns_ > kPatienceNs) {
    LiveProcess* const next = worst();
    if (next == nullptr) return false;
    report_kill(request, *next);
    next->state = LiveProcess::State::kKilled;
    next->why = "out of memory";
    next->process->task.oom_victim = true;
    victim_ = next;
    killed_ns_ = now;
  }
  if (current->oom_victim) return true;
  parts_.host.sleep_ns(kLookAgainNs);
  return true;
}

LiveProcess* Engine::worst() const {
  LiveProcess* worst = nullptr;
  for (const auto& live : processes_) {
    if (live->process == nullptr || live->ending()) continue;
    if (worst == nullptr || badness(*live) > badness(*worst)) worst = live.get();
  }
  return worst;
}

void Engine::report_kill(const AllocRequest& request, LiveProcess& victim) {
  Host& host = parts_.host;
  {
    LogLine line(host);
    line->str(Arch::current()->task->name()).str(" invoked oom-killer: gfp_mask=0x");
    line->hex(raw(request.gfp)).ch('(');
    print(*line, request.gfp);
    line->str("), order=").dec(request.order.raw()).str(", oom_score_adj=0");
  }
  log_mem_info(host, parts_.machine.nodes(), {request.nodes, request.highest});
  LogLine(host)->str("Tasks state (memory values in pages):");
  LogLine(host)->str("[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents "
                     "oom_score_adj name");
  for (const auto& live : processes_) {
    if (live->process == nullptr) continue;
    const Mm& mm = *live->process->mm;
    LogLine line(host);
    line->str("[").dec(live->pid, Width{7}).str("]     0 ").dec(live->pid, Width{5}).ch(' ');
    line->dec(mm.total.raw(), Width{8}).ch(' ').dec(mm.resident().raw(), Width{8}).ch(' ');
    line->dec(table_count(mm.tables) * kPageSize.raw(), Width{8}).str("        0             0 ");
    line->str(live->process->task.name());
  }
  const Mm& mm = *victim.process->mm;
  const std::string_view name = victim.process->task.name();
  {
    LogLine line(host);
    line->str("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=");
    print_nodes(*line, parts_.machine.plan().numa().memory_mask());
    line->str(",global_oom,task_memcg=/,task=").str(name).str(",pid=").dec(victim.pid);
    line->str(",uid=0");
  }
  LogLine line(host);
  line->str("Out of memory: Killed process ").dec(victim.pid).str(" (").str(name);
  line->str(") total-vm:").dec(in_kib(mm.total)).str("kB, anon-rss:");
  line->dec(in_kib(mm.rss(Rss::kAnon))).str("kB, file-rss:").dec(in_kib(mm.rss(Rss::kFile)));
  line->str("kB, shmem-rss:").dec(in_kib(mm.rss(Rss::kShmem))).str("kB, UID:0 pgtables:");
  line->dec(in_kib(PageCount{table_count(mm.tables)})).str("kB oom_score_adj:0");
}

}  // namespace quire
