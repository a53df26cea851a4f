// The tunables of a booted kernel, and what followed in it from writing them one after the other.
#include <nlohmann/json.hpp>

#include "tests/procfs/recorded_state.hpp"

namespace quire::test {
namespace {

std::vector<std::string> captures_with_steps() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kCaptures)) {
    const auto machine = nlohmann::json::parse(file_text(entry.path() / "machine.json"));
    if (machine.contains("steps") && !machine["steps"].empty() &&
        std::filesystem::exists(entry.path() / machine["steps"][0]["dir"]))
      names.push_back(entry.path().filename());
  }
  EXPECT_GE(names.size(), 2u);
  return names;
}

// The rows of zoneinfo that follow from tunables and sizes alone.
std::string sizes_of(const std::string& zoneinfo) {
  std::string rows;
  for (const std::string& line : lines_of(zoneinfo)) {
    const std::string name = words_of(line)[0];
    for (const char* each : {"Node", "min", "low", "high", "protection:", "high:", "batch:"})
      if (name == each) rows += line + "\n";
  }
  return rows;
}

// Huge pages of a pool wait for one; the others follow from what is free when they are computed,
// min_free_kbytes as long as nobody set it and huge pages do not decide.
bool depends_on_use(const BootedParts& machine, const std::string& name) {
  if (name == "min_free_kbytes")
    return machine.tunables.user_min_free_kbytes < 0 &&
           machine.knobs->huge_pages() == HugePages::kNever;
  return name == "user_reserve_kbytes" || name == "admin_reserve_kbytes" ||
         name.find("hugepages") != std::string::npos;
}

void expect_tunables(BootedParts& machine, const std::string& sys_vm) {
  for (const std::string& line : lines_of(sys_vm)) {
    const std::size_t equals = line.find('=');
    const std::string name = line.substr(0, equals);
    if (depends_on_use(machine, name)) continue;
    const std::string path = name[0] == '/' ? name.substr(1) : "proc/sys/vm/" + name;
    std::string text = machine.read(path);
    if (text.ends_with('\n')) text.pop_back();
    EXPECT_EQ(text, line.substr(equals + 1)) << path;
  }
}

TEST(Tunables, HaveTheValuesOfABootedKernel) {
  for (const std::string& capture : captures_with("sys_vm")) {
    if (capture.find("sysctl") == 0 || capture == "cmdline-sysctl") continue;
    SCOPED_TRACE(capture);
    RecordedMachine machine(capture);
    machine.size_everything();
    expect_tunables(machine, machine.recorded("sys_vm"));
  }
}

TEST(Tunables, EachWriteChangesWhatItChangedInTheKernel) {
  for (const std::string& capture : captures_with_steps()) {
    // CPUs and memory that come and go are not here yet.
    if (capture.find("hotplug") == 0 || capture == "steps-cpus") continue;
    RecordedMachine machine(capture);
    machine.size_everything();
    // The recorder had read every tunable once.
    (void)machine.read("proc/sys/vm/lowmem_reserve_ratio");
    const auto description =
        nlohmann::ordered_json::parse(file_text(kCaptures / capture / "machine.json"));
    for (const auto& step : description["steps"]) {
      const std::string directory = step["dir"];
      SCOPED_TRACE(capture + " " + directory);
      for (const auto& [name, value] : step["set"].items())
        (void)machine.tree().set(name, value.get<std::string>() + "\n").has_value();
      const auto recorded = [&](const char* file) {
        return file_text(kCaptures / capture / directory / file);
      };
      EXPECT_EQ(sizes_of(machine.read("proc/zoneinfo")), sizes_of(recorded("zoneinfo")));
      expect_tunables(machine, recorded("sys_vm"));
    }
  }
}

TEST(Tunables, ReadingTheRatiosCountsPagesThatCameFreeLateIntoProtection) {
  RecordedMachine machine("flat-1g");
  machine.size_everything();
  const auto protection = [&] {
    const Zone& dma = machine.nodes.all()[0].zone(ZoneType::kDma);
    return dma.lowmem_reserve[index_of(ZoneType::kNormal)].get();
  };
  EXPECT_EQ(protection(), 948);
  EXPECT_EQ(machine.read("proc/sys/vm/lowmem_reserve_ratio"), "256\t256\t32\t0\t0\n");
  EXPECT_EQ(protection(), 958);
}

TEST(Tunables, ReservesForUsersAndRootAreA32ndOfFreeMemoryUpToALimit) {
  RecordedMachine machine("flat-1g");
  Zone& zone = machine.nodes.all()[0].zone(ZoneType::kDma32);
  const auto reserves = [&](std::uint64_t free) {
    for (Zone& each : machine.nodes.all()[0].zones) machine.set(each, ZoneItem::kNrFreePages, 0);
    machine.set(zone, ZoneItem::kNrFreePages, free);
    machine.sysctls->size_reserves();
    return machine.read("proc/sys/vm/user_reserve_kbytes") +
           machine.read("proc/sys/vm/admin_reserve_kbytes");
  };
  EXPECT_EQ(reserves(19755), "2469\n2469\n");  // as on 128 MiB
  EXPECT_EQ(reserves(245112), "30639\n8192\n");
  EXPECT_EQ(reserves(1 << 20), "131072\n8192\n");
  EXPECT_EQ(reserves(1 << 30), "131072\n8192\n");
}

TEST(Tunables, DroppingCachesIsCountedByWhatIsDropped) {
  RecordedMachine machine("flat-1g");
  const auto count = [&](VmEvent event) { return event_count(machine.nodes, event); };
  EXPECT_TRUE(machine.tree().set("vm.drop_caches", "1").has_value());
  EXPECT_EQ(count(VmEvent::kDropPagecache), 1u);
  EXPECT_EQ(count(VmEvent::kDropSlab), 0u);
  EXPECT_TRUE(machine.tree().set("vm.drop_caches", "3").has_value());
  EXPECT_EQ(count(VmEvent::kDropPagecache), 2u);
  EXPECT_EQ(count(VmEvent::kDropSlab), 1u);
  EXPECT_FALSE(machine.tree().set("vm.drop_caches", "5").has_value());
  EXPECT_EQ(count(VmEvent::kDropPagecache), 2u);
}

TEST(Tunables, ASwitchUnderSysIsSetByItsAbsolutePath) {
  RecordedMachine machine("flat-1g");
  machine.size_everything();
  EXPECT_TRUE(machine.tree().set("/sys/kernel/mm/transparent_hugepage/enabled", "never"));
  EXPECT_EQ(machine.read("sys/kernel/mm/transparent_hugepage/enabled"),
            "always madvise [never]\n");
}

TEST(Tunables, CommitLimitFollowsTheTunableThatWasSetLast) {
  RecordedMachine machine("flat-1g");
  const std::uint64_t total = machine.nodes.managed_pages();
  const auto limit = [&](PageCount swap) {
    return commit_limit(machine.nodes, *machine.sysctls, swap).raw();
  };
  EXPECT_EQ(limit(PageCount{0}), total / 2);
  EXPECT_EQ(limit(PageCount{1000}), total / 2 + 1000);
  EXPECT_TRUE(machine.tree().set("vm.overcommit_kbytes", "40960").has_value());
  EXPECT_EQ(limit(PageCount{1000}), 10240u + 1000u);
  EXPECT_TRUE(machine.tree().set("vm.overcommit_ratio", "80").has_value());
  EXPECT_EQ(limit(PageCount{0}), total * 80 / 100);
}

}  // namespace
}  // namespace quire::test
