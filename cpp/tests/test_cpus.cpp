// CPU quotas of cgroups, read from a folder laid out like a system's root.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>

#include "../src/cpus.h"
#include "check.h"

namespace {

constexpr int kNoLimit = std::numeric_limits<int>::max();

#if defined(__linux__)
namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;

/// Returns cpus_of_quota for a system with these files; `files` are below /sys/fs/cgroup.
int cpus(const std::string& groups, const Files& files) {
    std::string root = (fs::temp_directory_path() / "saccade-XXXXXX").string();
    if (mkdtemp(root.data()) == nullptr) return -1;
    const auto write = [&](const std::string& path, const std::string& text) {
        fs::create_directories(fs::path(root + path).parent_path());
        std::ofstream(root + path) << text;
    };
    if (!groups.empty()) write("/proc/self/cgroup", groups);
    for (const auto& [path, text] : files) write("/sys/fs/cgroup/" + path, text);
    const int quota = saccade::cpus_of_quota(root);
    fs::remove_all(root);
    return quota;
}

void test_v2() {
    CHECK(cpus("0::/\n", {{"cpu.max", "max 100000\n"}}) == kNoLimit);
    CHECK(cpus("0::/\n", {{"cpu.max", "200000 100000\n"}}) == 2);
    CHECK(cpus("0::/\n", {{"cpu.max", "250000 100000\n"}}) == 3);
    CHECK(cpus("0::/\n", {{"cpu.max", "5000 100000\n"}}) == 1);
    CHECK(cpus("0::/a/b\n", {{"a/b/cpu.max", "300000 100000\n"}}) == 3);
    CHECK(cpus("0::/a/b\n", {{"a/b/cpu.max", "max 100000\n"}, {"a/cpu.max", "50000 25000\n"}}) == 2);
    CHECK(cpus("0::/a/b\n", {{"a/b/cpu.max", "max 100000\n"}, {"cpu.max", "400000 100000\n"}}) == 4);
    CHECK(cpus("0::/a/b\n", {{"a/c/cpu.max", "100000 100000\n"}}) == kNoLimit);  // not above this process
}

void test_v1() {
    const auto limit = [](const std::string& group, const std::string& quota) -> Files {
        return {{"cpu" + group + "/cpu.cfs_quota_us", quota + "\n"},
                {"cpu" + group + "/cpu.cfs_period_us", "100000\n"}};
    };
    const std::string groups = "12:cpuset:/x\n4:cpu,cpuacct:/a/b\n1:name=systemd:/x\n0::/x\n";
    CHECK(cpus(groups, limit("", "-1")) == kNoLimit);
    CHECK(cpus(groups, limit("", "400000")) == 4);
    CHECK(cpus(groups, limit("/a/b", "150000")) == 2);
    CHECK(cpus(groups, limit("/a", "300000")) == 3);
    CHECK(cpus("7:cpuacct,cpu:/a/b\n", limit("/a/b", "100000")) == 1);
    CHECK(cpus(groups, limit("/x", "100000")) == kNoLimit);  // groups of other controllers
    Files both = limit("/a/b", "300000");
    both.merge(limit("/a", "200000"));
    CHECK(cpus(groups, both) == 2);
    both["x/cpu.max"] = "100000 100000\n";
    CHECK(cpus(groups, both) == 1);
}

void test_unreadable_files_are_no_limit() {
    CHECK(cpus("", {}) == kNoLimit);
    CHECK(cpus("", {{"cpu.max", "200000 100000\n"}}) == 2);
    CHECK(cpus("0::\n\n:\n0\n4:cpu:a\n", {{"cpu.max", "some\n"}, {"cpu/cpu.cfs_quota_us", "100000\n"}}) == kNoLimit);
}
#endif

}  // namespace

int main() {
    CHECK(saccade::affinity_of_thread().count >= 1);
#if defined(__linux__)
    test_v2();
    test_v1();
    test_unreadable_files_are_no_limit();
#else
    CHECK(saccade::cpus_of_quota() == kNoLimit);
    std::printf("not run: cgroups\n");
#endif
    return check::finish();
}
